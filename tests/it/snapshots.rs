//! Each exchange uses one snapshot of the settings from its first byte to its end, however often
//! they are replaced meanwhile.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryFutureExt};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::watch;
use tower::{Layer, Service, ServiceExt};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{
    FallbackChain, GatewaySettings, GatewayToken, Secret, Settings, SettingsQuery,
    SettingsResolver, SettingsTable, Timeouts,
};
use tower_ai_gateway::{EndEvent, GatewayContext, GatewayLayer, MetricsHook, Mount, Provider};

const REQUESTS: u64 = 20_000;
const CLIENTS: u64 = 64;
/// Numbers start here, so that all have the same number of digits and are valid milliseconds.
const FIRST: u64 = 100_000;

/// Settings in which everything contains this number.
fn snapshot(n: u64, token: &str) -> GatewaySettings {
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

fn table(n: u64) -> SettingsTable {
    SettingsTable::new().serve_unknown(snapshot(n, &format!("test-token-{n}")))
}

/// The number in a context's settings.
fn number(context: &GatewayContext) -> u64 {
    let number = context.metadata().get("snapshot").map(ToString::to_string);
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Mistakes that the test reports.
#[derive(Clone, Default)]
struct Mistakes(Arc<Mutex<Vec<String>>>);

impl Mistakes {
    fn check(&self, is_right: bool, what: impl FnOnce() -> String) {
        if !is_right {
            self.0.lock().unwrap().push(what());
        }
    }

    #[track_caller]
    fn assert_none(&self) {
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
struct Ends {
    mistakes: Mistakes,
    ended: Arc<AtomicU64>,
}

impl Ends {
    fn check(&self, context: &GatewayContext) {
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

type Frames = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// Data in parts, with a wait between them.
fn parts(first: String, second: String, wait: impl Future<Output = ()> + Send + 'static) -> Frames {
    let data = |text: String| Ok::<_, Infallible>(Frame::data(Bytes::from(text)));
    let second = stream::once(async move {
        wait.await;
        data(second)
    });
    StreamBody::new(stream::iter([data(first)]).chain(second).boxed())
}

/// Waits until the settings are replaced, or briefly.
async fn wait(mut settings: watch::Receiver<u64>, for_others: bool) {
    if for_others {
        settings.borrow_and_update();
        let _ = settings.changed().await;
    } else {
        tokio::task::yield_now().await;
    }
}

/// Checks its requests, and fails all steps except the last.
#[derive(Clone)]
struct Upstream {
    mistakes: Mistakes,
    settings: watch::Receiver<u64>,
    calls: Arc<AtomicU64>,
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

fn layer(settings: impl SettingsResolver, ends: &Ends) -> GatewayLayer {
    let layer = GatewayLayer::builder().provider(Provider::xai()).provider(Provider::openai());
    let layer = layer.mount(Mount::hosted()).mount(Mount::rest()).mount(Mount::at("/ai"));
    layer.settings(settings).metrics_hook(ends.clone()).build().unwrap()
}

/// A request whose body contains its model only after a wait.
fn request(
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
fn answer(
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
struct Tally {
    served: u64,
    locked_out: u64,
    /// Exchanges whose settings were replaced before their end.
    outlived: u64,
    numbers: BTreeSet<u64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_exchanges_are_each_under_one_snapshot() {
    let settings = Settings::new(table(FIRST));
    let (reported, known) = watch::channel(FIRST);
    let ends = Ends::default();
    let mistakes = ends.mistakes.clone();
    let layer = layer(settings.clone(), &ends);
    let replacing = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        for n in FIRST + 1.. {
            ticks.tick().await;
            settings.replace(table(n));
            reported.send_replace(n);
        }
    });
    let calls = Arc::<AtomicU64>::default();
    let clients = (0..CLIENTS).map(|client| {
        let (layer, mistakes, known, calls) =
            (layer.clone(), mistakes.clone(), known.clone(), calls.clone());
        tokio::spawn(async move {
            let mut tally = Tally::default();
            for at in (client..REQUESTS).step_by(CLIENTS as usize) {
                let n = *known.borrow();
                let wait = wait(known.clone(), at.is_multiple_of(16));
                let request = request(n, at / 3, &format!("test-token-{n}"), wait);
                let settings = known.clone();
                let upstream =
                    Upstream { mistakes: mistakes.clone(), settings, calls: calls.clone() };
                let (status, text) = answer(&layer, upstream, request).await;
                match status {
                    // The settings were replaced between the client's check and its request.
                    StatusCode::UNAUTHORIZED => tally.locked_out += 1,
                    _ => {
                        mistakes.check(status == 200 && text == format!("{n} {n}"), || {
                            format!("{status} {text} for {n}")
                        });
                        tally.served += 1;
                        tally.outlived += u64::from(*known.borrow() != n);
                        tally.numbers.insert(n);
                    }
                }
            }
            tally
        })
    });
    let mut all = Tally::default();
    for client in clients.collect::<Vec<_>>() {
        let tally = client.await.unwrap();
        all.served += tally.served;
        all.locked_out += tally.locked_out;
        all.outlived += tally.outlived;
        all.numbers.extend(tally.numbers);
    }
    replacing.abort();
    mistakes.assert_none();
    println!(
        "{} served under {} snapshots, {} of them outlived theirs; {} came too late",
        all.served,
        all.numbers.len(),
        all.outlived,
        all.locked_out
    );
    assert_eq!(ends.ended.load(Ordering::Relaxed), REQUESTS);
    assert_eq!(all.served + all.locked_out, REQUESTS);
    assert!(all.served > REQUESTS / 2 && all.outlived > 1000 && all.numbers.len() > 20);
}

/// A resolver that returns a new snapshot each time.
fn ever_new(asked: Arc<AtomicU64>) -> impl Fn(&SettingsQuery<'_>) -> Option<Arc<GatewaySettings>> {
    move |_| {
        let n = FIRST + asked.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(snapshot(n, "the-token")))
    }
}

#[tokio::test]
async fn the_resolver_is_asked_once_for_each_request() {
    let asked = Arc::<AtomicU64>::default();
    let ends = Ends::default();
    let mistakes = ends.mistakes.clone();
    let layer = layer(ever_new(asked.clone()), &ends);
    let calls = Arc::<AtomicU64>::default();
    for at in 0..60 {
        let n = FIRST + at;
        // Settings are not replaced, so each wait is brief.
        let settings = watch::channel(n).1;
        let upstream = Upstream {
            mistakes: mistakes.clone(),
            settings: settings.clone(),
            calls: calls.clone(),
        };
        let request = request(n, at, "the-token", wait(settings, true));
        let (status, text) = answer(&layer, upstream, request).await;
        assert_eq!((status.as_u16(), text), (200, format!("{n} {n}")));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 60);
    mistakes.assert_none();
}

#[tokio::test]
async fn an_exchange_that_is_open_when_its_gateway_goes_ends_under_its_own_settings() {
    for way in 0..4 {
        let settings = Settings::new(table(FIRST));
        let (reported, known) = watch::channel(FIRST);
        let ends = Ends::default();
        let mistakes = ends.mistakes.clone();
        let layer = layer(settings.clone(), &ends);
        let (name_model, named) = tokio::sync::oneshot::channel::<()>();
        let request = request(FIRST, way, &format!("test-token-{FIRST}"), async {
            named.await.unwrap();
        });
        let calls = Arc::new(AtomicU64::new(0));
        let upstream = Upstream { mistakes: mistakes.clone(), settings: known, calls };
        let mut call = tokio_test::task::spawn(answer(&layer, upstream, request));
        assert!(call.poll().is_pending(), "the model is not known yet");
        settings.replace(SettingsTable::new());
        name_model.send(()).unwrap();
        assert!(call.poll().is_pending(), "the provider waits");
        reported.send_replace(FIRST + 1);
        let (status, text) = call.await;
        assert_eq!((status.as_u16(), text), (200, format!("{FIRST} {FIRST}")));
        assert_eq!(ends.ended.load(Ordering::Relaxed), 1);
        mistakes.assert_none();
    }
}
