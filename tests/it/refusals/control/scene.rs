//! A service below the control layers that refuses, in each way it can.

use super::*;

pub(super) type Sent = Request<ReplayBody<RequestBody<Full<Bytes>>>>;

/// How often a guard was called.
pub(super) type Asked = Arc<AtomicUsize>;
pub(super) type Guard = BoxCloneSyncService<Sent, Response<AnswerBody>, BoxError>;

/// How a guard refuses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Response,
    /// A response with an error status.
    Marked,
    Error,
}

pub(super) const WAYS: [Way; 3] = [Way::Response, Way::Marked, Way::Error];

impl Way {
    pub(super) fn refuse(self, refusal: Refusal) -> Answer {
        match self {
            Self::Response => Ok(refusal.into_response()),
            Self::Marked => {
                let mut response = json(200, r#"{"error":{"message":"overloaded","code":503}}"#)?;
                response.headers_mut().insert("retry-after", "0".parse().unwrap());
                response.extensions_mut().insert(refusal);
                Ok(response)
            }
            Self::Error => Err(io::Error::other(refusal).into()),
        }
    }
}

/// `refuses` gets the request and the number of earlier ones.
pub(super) fn guard(
    upstream: Upstream,
    way: Way,
    refuses: impl Fn(&Sent, usize) -> Option<Refusal> + Send + Sync + 'static,
) -> (Guard, Asked) {
    let asked = Asked::default();
    let (count, refuses) = (asked.clone(), Arc::new(refuses));
    let service = service_fn(move |request: Sent| {
        let (upstream, count, refuses) = (upstream.clone(), count.clone(), refuses.clone());
        async move {
            match refuses(&request, count.fetch_add(1, Ordering::SeqCst)) {
                Some(refusal) => {
                    request.into_body().collect().await?;
                    way.refuse(refusal)
                }
                None => upstream.oneshot(request).await,
            }
        }
    });
    (BoxCloneSyncService::new(service), asked)
}

#[derive(Debug, PartialEq)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) code: Option<u16>,
    pub(super) attempts: u32,
    pub(super) step: u32,
}

pub(super) struct Case {
    pub(super) service: BoxCloneSyncService<Request<Full<Bytes>>, Response<AnswerBody>, Infallible>,
    pub(super) ends: Ends<End>,
}

impl Case {
    pub(super) fn new(
        set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
        build: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder,
        control: &ControlLayer,
        client: Guard,
    ) -> Self {
        let settings = GatewaySettings::builder().authenticated_elsewhere();
        let settings = set(settings).key("grok", key("grok")).key("openai", key("openai"));
        let (reported, ends) = Ends::by(|end| End {
            outcome: end.outcome,
            code: end.gateway_code,
            attempts: end.attempts,
            step: end.step,
        });
        let layer = GatewayLayer::builder()
            .providers([Provider::xai(), Provider::openai()])
            .settings(Arc::new(settings.build().unwrap()))
            .metrics_hook(reported);
        let app = service_fn(async |_: Request<Full<Bytes>>| {
            Ok::<_, Infallible>(Response::new(full("the app")))
        });
        let gateway = build(layer).build().unwrap().upstream(control.layer(client)).layer(app);
        let service = gateway.map_response(|response: Response<_>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        });
        Self { service: BoxCloneSyncService::new(service), ends }
    }

    /// Sends a request that may be retried, and returns its status.
    pub(super) async fn ask(&self) -> StatusCode {
        let request = Request::post("/v1/acct/gw/grok/v1/chat/completions")
            .header("content-type", "application/json")
            .header("cf-aig-max-attempts", "5")
            .header("cf-aig-retry-delay", "0");
        let request = request.body(Full::from(r#"{"model":"grok-4","stream":true}"#)).unwrap();
        let (head, body) = self.service.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = str::from_utf8(&body).unwrap();
        assert!(head.status == 200 || text.contains("by the guard"), "{text}");
        head.status
    }

    #[track_caller]
    pub(super) fn ended(
        &mut self,
        code: u16,
        attempts: u32,
        step: u32,
    ) -> impl Future<Output = ()> {
        let expected = End { outcome: Outcome::Rejected, code: Some(code), attempts, step };
        async move { assert_eq!(self.ends.next().await, expected) }
    }
}

pub(super) fn key(of: &str) -> Secret {
    Secret::new(format!("sk-{of}")).unwrap()
}

pub(super) fn no_settings(settings: GatewaySettingsBuilder) -> GatewaySettingsBuilder {
    settings
}

pub(super) fn as_it_is(layer: GatewayLayerBuilder) -> GatewayLayerBuilder {
    layer
}

pub(super) fn busy() -> Refusal {
    Refusal::unavailable("Refused by the guard.").retry_after(Duration::ZERO)
}

pub(super) fn answers() -> Upstream {
    Upstream::new(|_, _| json(200, "{}"))
}

/// Returns true if the request goes to the provider at that host.
pub(super) fn is_to(request: &Sent, host: &str) -> bool {
    request.uri().authority().is_some_and(|authority| authority.host() == host)
}
