//! Gateways over a client that pretends to be a cache.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::hook::CacheStatus;
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, MetricsHook, Provider};

use crate::support::memory::{End, Recorder};
use crate::support::metered::{CHAT, CHAT_USAGE, DONE, chat_event, usage_event};

/// An answer and its source.
#[derive(Clone, Debug)]
pub struct Reply {
    status: Option<CacheStatus>,
    content_type: &'static str,
    body: Bytes,
}

impl Reply {
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self { status: None, content_type: "application/json", body: body.into() }
    }

    pub fn chat() -> Self {
        Self::json(format!(r#"{{"model":"grok-4.3","choices":[],"usage":{CHAT_USAGE}}}"#))
    }

    /// The same tokens without a cost from the provider.
    pub fn unpriced() -> Self {
        Self::json(
            r#"{"model":"grok-4.3","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110}}"#,
        )
    }

    pub fn stream() -> Self {
        let hello = chat_event(r#"{"content":"hello"}"#);
        let events = [&*hello, &hello, &usage_event(CHAT_USAGE), DONE].concat();
        Self { content_type: "text/event-stream", ..Self::json(events) }
    }

    pub fn by(self, status: CacheStatus) -> Self {
        Self { status: Some(status), ..self }
    }

    pub fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        response.headers_mut().insert("content-type", self.content_type.parse().unwrap());
        if let Some(status) = self.status {
            response.extensions_mut().insert(status);
            response.headers_mut().insert("age", "7".parse().unwrap());
        }
        response
    }
}

pub fn layer(hook: impl MetricsHook + 'static) -> GatewayLayer {
    builder(hook).build().unwrap()
}

pub fn builder(hook: impl MetricsHook + 'static) -> GatewayLayerBuilder {
    GatewayLayer::builder().provider(Provider::xai()).metrics_hook(hook)
}

pub fn chat() -> Request<Full<Bytes>> {
    Request::post(CHAT).body(Full::from(r#"{"model":"grok-4.3"}"#)).unwrap()
}

/// Runs an exchange to its end, with the gateway around a client that answers like this.
pub async fn exchange(
    layer: &GatewayLayer,
    request: Request<Full<Bytes>>,
    reply: Reply,
) -> Response<Bytes> {
    let client = service_fn(move |_: Request<_>| {
        let response = reply.response();
        async move { Ok::<_, Infallible>(response) }
    });
    let response = layer.client_layer().layer(client).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

/// The events of an exchange.
pub async fn seen(request: Request<Full<Bytes>>, reply: Reply) -> (Response<Bytes>, Recorder) {
    let recorder = Recorder::default();
    let response = exchange(&layer(recorder.clone()), request, reply).await;
    (response, recorder)
}

pub async fn end(request: Request<Full<Bytes>>, reply: Reply) -> End {
    seen(request, reply).await.1.end()
}
