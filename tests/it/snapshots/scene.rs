//! Clients, and a provider that takes its time, while the settings change.

use super::*;

pub(super) const REQUESTS: u64 = 20_000;
pub(super) const CLIENTS: u64 = 64;
/// Numbers start here, so that all have the same number of digits and are valid milliseconds.
pub(super) const FIRST: u64 = 100_000;

/// Settings in which everything contains this number.
pub(super) fn snapshot(n: u64, token: &str) -> GatewaySettings {
    GatewaySettings::builder()
        .token(GatewayToken::new(token))
        .key("grok", Secret::new(format!("key-{n}")).unwrap())
        .key("openai", Secret::new(format!("other-{n}")).unwrap())
        .default_metadata("snapshot", n.to_string())
        .timeouts(Timeouts::default().head(Duration::from_millis(n)))
        .allow_models([format!("m-{n}")])
        .fallback(FallbackChain::on("*").to_model(format!("f-{n}")).to("openai", format!("o-{n}")))
        .build()
        .unwrap()
}

pub(super) fn table(n: u64) -> SettingsTable {
    SettingsTable::new().serve_unknown(snapshot(n, &format!("test-token-{n}")))
}

/// The number in a context's settings.
pub(super) fn number(context: &GatewayContext) -> u64 {
    let number = context.metadata().get("snapshot").map(ToString::to_string);
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Mistakes that the test reports.
#[derive(Clone, Default)]
pub(super) struct Mistakes(pub(super) Arc<Mutex<Vec<String>>>);

impl Mistakes {
    pub(super) fn check(&self, is_right: bool, what: impl FnOnce() -> String) {
        if !is_right {
            self.0.lock().unwrap().push(what());
        }
    }

    #[track_caller]
    pub(super) fn assert_none(&self) {
        let mistakes = self.0.lock().unwrap();
        assert!(
            mistakes.is_empty(),
            "{} mistakes: {:?}",
            mistakes.len(),
            &mistakes[..mistakes.len().min(5)]
        );
    }
}

/// The snapshot number of an exchange at its end; its event id is its client's number.
#[derive(Clone, Default)]
pub(super) struct Ends {
    pub(super) mistakes: Mistakes,
    pub(super) ended: Arc<AtomicU64>,
}

impl Ends {
    pub(super) fn check(&self, context: &GatewayContext) {
        let expected = context.event_id();
        let found = number(context);
        self.mistakes.check(expected == found.to_string().as_str(), || {
            format!("{expected:?} ends under {found}")
        });
    }
}

impl MetricsHook for Ends {
    fn on_end(&self, event: &EndEvent<'_>) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        if event.gateway_code.is_none() {
            self.check(event.context);
        }
    }
}

pub(super) type Frames = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// Data in parts, with a wait between them.
pub(super) fn parts(
    first: String,
    second: String,
    wait: impl Future<Output = ()> + Send + 'static,
) -> Frames {
    let data = |text: String| Ok::<_, Infallible>(Frame::data(Bytes::from(text)));
    let second = stream::once(async move {
        wait.await;
        data(second)
    });
    StreamBody::new(stream::iter([data(first)]).chain(second).boxed())
}

/// Waits until the settings are replaced, or briefly.
pub(super) async fn wait(mut settings: watch::Receiver<u64>, for_others: bool) {
    if for_others {
        settings.borrow_and_update();
        let _ = settings.changed().await;
    } else {
        tokio::task::yield_now().await;
    }
}

/// Checks its requests, and fails all steps except the last.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) mistakes: Mistakes,
    pub(super) settings: watch::Receiver<u64>,
    pub(super) calls: Arc<AtomicU64>,
}

impl<B> Service<Request<B>> for Upstream
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Debug,
{
    type Response = Response<Frames>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Frames>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { mistakes, settings, calls } = self.clone();
        Box::pin(async move {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            let (head, body) = request.into_parts();
            let context = head.extensions.get::<GatewayContext>().unwrap();
            let (step, n) = (context.step(), number(context));
            let body = body.collect().await.unwrap().to_bytes();
            let (key, model) = match step {
                0 => (format!("Bearer key-{n}"), format!("\"m-{n}\"")),
                1 => (format!("Bearer key-{n}"), format!("\"f-{n}\"")),
                _ => (format!("Bearer other-{n}"), format!("\"o-{n}\"")),
            };
            let got = head.headers.get("authorization").map(|key| key.to_str().unwrap().to_owned());
            mistakes.check(got.as_ref() == Some(&key), || format!("{got:?} in step {step} of {n}"));
            let text = String::from_utf8_lossy(&body).into_owned();
            mistakes.check(text.contains(&model), || format!("{text} in step {step} of {n}"));
            let timeouts = context.timeouts();
            let head = Timeouts::default().head(Duration::from_millis(n));
            mistakes.check(timeouts == head, || format!("{timeouts:?} in step {step} of {n}"));
            wait(settings.clone(), call.is_multiple_of(16)).await;
            let fails = (u64::from(step)) < call % 3;
            let status = if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            let wait = wait(settings, call % 16 == 1);
            let mut response = Response::new(parts(format!("{n} "), n.to_string(), wait));
            *response.status_mut() = status;
            Ok(response)
        })
    }
}

pub(super) fn layer(settings: impl SettingsResolver, ends: &Ends) -> GatewayLayer {
    let layer = GatewayLayer::builder().provider(Provider::xai()).provider(Provider::openai());
    let layer = layer.mount(Mount::hosted()).mount(Mount::rest()).mount(Mount::at("/ai"));
    layer.settings(settings).metrics_hook(ends.clone()).build().unwrap()
}

/// A request whose body contains its model only after a wait.
pub(super) fn request(
    n: u64,
    way: u64,
    token: &str,
    wait: impl Future<Output = ()> + Send + 'static,
) -> Request<Frames> {
    let (path, prefix, name) = match way % 4 {
        0 => ("/v1/acct/gw/grok/v1/chat/completions", "", "cf-aig-authorization"),
        1 => ("/ai/xai/v1/chat/completions", "", "cf-aig-authorization"),
        2 => ("/v1/acct/gw/compat/chat/completions", "grok/", "cf-aig-authorization"),
        _ => ("/client/v4/accounts/acct/ai/v1/chat/completions", "grok/", "authorization"),
    };
    let body = parts(r#"{"n":1,"#.to_owned(), format!(r#""model":"{prefix}m-{n}"}}"#), wait);
    let request = Request::post(path).header(name, format!("Bearer {token}"));
    request.header("cf-aig-event-id", n.to_string()).body(body).unwrap()
}

/// The status and the whole body of the answer.
pub(super) fn answer(
    layer: &GatewayLayer,
    upstream: Upstream,
    request: Request<Frames>,
) -> BoxFuture<'static, (StatusCode, String)> {
    let service = layer.client_layer().layer(ControlLayer::new().layer(upstream));
    // Boxed in two parts, to keep the type small enough for the compiler.
    let response = service.oneshot(request).map_ok(|response| response.map(BodyExt::boxed_unsync));
    let response: BoxFuture<'static, Result<Response<_>, tower::BoxError>> = Box::pin(response);
    Box::pin(async move {
        let response = response.await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    })
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) served: u64,
    pub(super) locked_out: u64,
    /// Exchanges whose settings were replaced before their end.
    pub(super) outlived: u64,
    pub(super) numbers: BTreeSet<u64>,
}
