//! A gateway in memory with its provider.

use std::convert::Infallible;
use std::future::Future;
use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, Settings, SettingsTable,
};
use tower_ai_gateway::{BodyBudget, GatewayLayer, Provider, RequestBody};

pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

#[derive(Clone)]
pub(crate) struct Gateway {
    service: BoxCloneSyncService<Request<Full<Bytes>>, Response<AnswerBody>, Infallible>,
    pub(crate) budget: BodyBudget,
}

impl Gateway {
    pub(crate) fn new<F: Future<Output = Response<AnswerBody>> + Send + 'static>(
        control: &ControlLayer,
        set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
        provider: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::within(BodyBudget::default(), control, set, provider)
    }

    /// With this much memory for bodies.
    pub(crate) fn within<F: Future<Output = Response<AnswerBody>> + Send + 'static>(
        budget: BodyBudget,
        control: &ControlLayer,
        set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
        provider: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::asking(budget, control, set, move |_| provider())
    }

    /// With a provider that answers by the body of the request.
    pub(crate) fn asking<F: Future<Output = Response<AnswerBody>> + Send + 'static>(
        budget: BodyBudget,
        control: &ControlLayer,
        set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
        provider: impl Fn(Bytes) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        let settings = set(GatewaySettings::builder().authenticated_elsewhere()).build().unwrap();
        let settings = Settings::new(SettingsTable::new().serve_unknown(settings));
        let layer = GatewayLayer::builder()
            .provider(Provider::xai())
            .settings(settings)
            .body_budget(budget.clone());
        let client = service_fn(move |request: Request<ReplayBody<RequestBody<Full<Bytes>>>>| {
            let provider = provider.clone();
            async move {
                let body = request.into_body().collect().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>(provider(body.to_bytes()).await)
            }
        });
        let app = service_fn(async |_: Request<_>| {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"app"))))
        });
        let service = layer.build().unwrap().upstream(control.layer(client)).layer(app);
        let service = service.map_response(|response: Response<_>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        });
        Self { service: BoxCloneSyncService::new(service), budget }
    }

    /// A request to a model.
    pub(crate) async fn ask(&self, body: &'static str) -> Response<AnswerBody> {
        let request = Request::post("/v1/acct/gw/grok/v1/chat/completions")
            .header("host", "gateway.test")
            .header("authorization", "Bearer test-key")
            .header("content-type", "application/json")
            .header("te", "trailers")
            .body(Full::from(body))
            .unwrap();
        self.service.clone().oneshot(request).await.unwrap()
    }
}
