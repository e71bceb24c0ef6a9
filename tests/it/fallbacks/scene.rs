//! A gateway beside an app, with providers in memory.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_ai_gateway::control::{
    ClassifiedBody, FallbackLayer, ReplayLayer, RetryLayer, RetrySettings,
};
use tower_ai_gateway::settings::{GatewaySettings, GatewaySettingsBuilder, Secret};
use tower_ai_gateway::{GatewayLayer, InterceptBody, Mount, Provider};

use crate::support::scripted::events::Events;
use crate::support::scripted::{Answer, AnswerBody, Call, Upstream, json, read};

pub(crate) const GROK: &str = "api.x.ai";
pub(crate) const OPENAI: &str = "api.openai.com";
pub(crate) const ANTHROPIC: &str = "api.anthropic.com";
pub(crate) const GOOGLE: &str = "generativelanguage.googleapis.com";
pub(crate) const ACME: &str = "acme.test";

pub(crate) const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";
pub(crate) const COMPAT: &str = "/v1/acct/gw/compat/chat/completions";

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

/// Settings with a key for each provider except grok.
pub(crate) fn keys() -> GatewaySettingsBuilder {
    GatewaySettings::builder()
        .authenticated_elsewhere()
        .key("openai", secret("sk-for-openai"))
        .key("anthropic", secret("sk-for-anthropic"))
        .key("google-ai-studio", secret("sk-for-google"))
        .key("acme", secret("sk-for-acme"))
}

/// These authorities answer that they are busy; all others answer with their name.
pub(crate) fn busy(
    down: &'static [&'static str],
) -> impl Fn(&Call, usize) -> Answer + Send + Sync + 'static {
    move |call, _| {
        let is_down = down.contains(&call.authority());
        let body = format!(r#"{{"from":"{}"}}"#, call.authority());
        json(if is_down { 503 } else { 200 }, &body)
    }
}

pub(crate) struct Scene {
    settings: Arc<GatewaySettings>,
    pub(crate) upstream: Upstream,
    pub(crate) events: Events,
}

/// Sends a request and returns the response, before its body.
pub(crate) type Head =
    Response<InterceptBody<Full<Bytes>, ClassifiedBody<ClassifiedBody<AnswerBody>>>>;

/// A response read to its end.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The part of the body that arrived, if it broke off.
    pub(crate) body: Result<Vec<u8>, Vec<u8>>,
}

impl Got {
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Step, provider and model, from the headers.
    pub(crate) fn answered_by(&self) -> (&str, Option<&str>, Option<&str>) {
        let step = self.header("cf-aig-step").unwrap();
        (step, self.header("cf-aig-provider"), self.header("cf-aig-model"))
    }
}

impl Scene {
    pub(crate) fn new(
        settings: GatewaySettingsBuilder,
        rule: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let settings = Arc::new(settings.build().unwrap());
        Self { settings, upstream: Upstream::new(rule), events: Events::default() }
    }

    /// Sends a body with these frames and its length in a header.
    pub(crate) async fn head(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        frames: Vec<Result<Frame<Bytes>, std::io::Error>>,
    ) -> Head {
        let acme = Provider::custom("acme", "https://acme.test/v1").key_header("x-acme-key");
        let acme = acme.zero_data_retention(true);
        let gateway = GatewayLayer::builder()
            .providers([
                Provider::xai().zero_data_retention(true),
                Provider::openai(),
                Provider::anthropic(),
                Provider::google_ai_studio(),
                acme,
            ])
            .mount(Mount::hosted().universal())
            .settings(self.settings.clone())
            .metrics_hook(self.events.clone())
            .build()
            .unwrap();
        let stack = ServiceBuilder::new()
            .layer(ReplayLayer::on_demand())
            .layer(FallbackLayer::new())
            .layer(RetryLayer::new(RetrySettings::default().jitter(false)))
            .service(self.upstream.clone());
        let service = gateway.upstream(stack).layer(tower::service_fn(app::<_>));
        let data = frames.iter().flatten().filter_map(|frame| frame.data_ref());
        let length: usize = data.map(Bytes::len).sum();
        let mut request = Request::post(path).header("content-length", length);
        request = request.header("content-type", "application/json").header("host", "gateway.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = StreamBody::new(futures_util::stream::iter(frames));
        service.oneshot(request.body(body).unwrap()).await.unwrap()
    }

    pub(crate) async fn send_in(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        frames: &[&[u8]],
    ) -> Got {
        let frames = frames.iter().map(|frame| Ok(Frame::data(Bytes::copy_from_slice(frame))));
        let response = self.head(path, headers, frames.collect()).await;
        let (head, body) = response.into_parts();
        Got { status: head.status.as_u16(), headers: head.headers, body: read(body).await }
    }

    pub(crate) async fn send(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        self.send_in(path, headers, &[body.as_bytes()]).await
    }
}

async fn app<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("app")))
}
