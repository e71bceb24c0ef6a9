//! A gateway in memory, between clients and providers that record their requests.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, GatewayToken, Secret, SettingsResolver,
};
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, Mount, Provider};

use crate::support::memory;
use crate::support::scripted::{Call, Reply, Upstream};

pub(crate) const NATIVE: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
pub(crate) const UNIFIED: &str = "POST /v1/acct/gw/compat/chat/completions";
pub(crate) const REST: &str = "POST /client/v4/accounts/acct/ai/v1/chat/completions";
pub(crate) const UNIVERSAL: &str = "POST /v1/acct/gw";

/// A body that suits native and model-routed paths.
pub(crate) const BODY: &str = r#"{"model":"grok/grok-4","n":1}"#;

/// A response as received by a client.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Checks that this is the gateway's own error, and returns its body.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: u16) -> Value {
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        assert_eq!(
            (self.status.as_u16(), &json["gateway"]["code"]),
            (status, &code.into()),
            "{json}"
        );
        assert_eq!(self.headers["x-should-retry"], "false");
        assert_eq!(json["gateway"]["log_id"], self.headers["cf-aig-log-id"].to_str().unwrap());
        json
    }
}

pub(crate) struct Scene {
    layer: GatewayLayer,
    provider: Upstream,
    pub(crate) hook: memory::Recorder,
}

/// All providers, and a custom one with its own key header.
pub(crate) fn layer() -> GatewayLayerBuilder {
    GatewayLayer::builder()
        .providers(Provider::all())
        .provider(Provider::custom("acme", "http://acme.test/v1").key_header("x-acme-key"))
        .mount(Mount::hosted().universal())
        .mount(Mount::rest())
        .mount(Mount::at("/ai"))
        .mount(Mount::at("/only").exclusive())
}

impl Scene {
    pub(crate) fn new(settings: impl SettingsResolver) -> Self {
        Self::of(|layer| layer.settings(settings))
    }

    /// A gateway with only these settings.
    pub(crate) fn of(set: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder) -> Self {
        let hook = memory::Recorder::default();
        let layer = set(layer()).metrics_hook(hook.clone()).peek_limit(4096);
        let provider = Upstream::always(Reply::ok().body(r#"{"object":"x"}"#));
        Self { layer: layer.build().unwrap(), provider, hook }
    }

    /// The same settings for all gateways.
    pub(crate) fn with(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Self {
        Self::new(Arc::new(set(GatewaySettings::builder()).build().unwrap()))
    }

    pub(crate) async fn send<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let provider = self.provider.clone();
        let service = self.layer.clone().upstream(provider).layer(service_fn(memory::app));
        let response =
            service.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(request(line, headers, body)).await
    }

    /// The requests that the providers received since the last call.
    pub(crate) fn sent(&self) -> Vec<Call> {
        self.provider.take_calls()
    }

    /// The provider's request for this request, which must pass.
    #[track_caller]
    pub(crate) fn passes(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> impl Future<Output = Call> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.ask(line, headers, body).await;
            assert_eq!(answer.status, 200, "{line} {headers:?} at {at}: {answer:?}");
            let mut sent = self.sent();
            assert_eq!(sent.len(), 1, "{line} at {at}");
            sent.remove(0)
        }
    }

    /// The error for this request, which must not reach any provider.
    #[track_caller]
    pub(crate) fn refuses(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
        (status, code): (u16, u16),
    ) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.ask(line, headers, body).await;
            assert_eq!(answer.status, status, "{line} {headers:?} {body} at {at}: {answer:?}");
            assert_eq!(self.sent().len(), 0, "nothing is sent: {line} {body} at {at}");
            answer.refused(status, code)
        }
    }
}

/// `line`: the method and the path.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    with_body(line, headers, Full::from(body.to_owned()))
}

pub(crate) fn with_body<B>(line: &str, headers: &[(&str, &str)], body: B) -> Request<B> {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path).header("host", "gateway.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

/// The digest of a token of any length.
pub(crate) fn token(text: &str) -> GatewayToken {
    GatewayToken::from_sha256(Sha256::digest(text).into())
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

/// One entry of a universal request.
pub(crate) fn entry(provider: &str, endpoint: &str, headers: &Value, query: &Value) -> String {
    serde_json::json!([{
        "provider": provider, "endpoint": endpoint, "headers": headers, "query": query,
    }])
    .to_string()
}
