//! A client with retries.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::control::{ClassifiedBody, ReplayLayer, RetryLayer, RetrySettings};

use crate::support::scripted::{AnswerBody, Upstream, answer};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Three attempts, with delays of one and two seconds.
pub(crate) fn three() -> RetrySettings {
    RetrySettings::attempts(3).delay(SECOND).jitter(false)
}

pub(crate) fn busy() -> Upstream {
    Upstream::new(|_, _| answer(503, &[], "busy"))
}

pub(crate) fn request() -> Request<Full<Bytes>> {
    Request::post("https://api.x.ai/v1/chat/completions")
        .body(Full::from(r#"{"model":"m"}"#))
        .unwrap()
}

/// Sends a request through a client without a gateway.
pub(crate) async fn send<B>(
    upstream: &Upstream,
    settings: RetrySettings,
    request: Request<B>,
) -> Result<Response<ClassifiedBody<AnswerBody>>, BoxError>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let client = RetryLayer::new(settings).layer(upstream.clone());
    ReplayLayer::new().layer(client).oneshot(request).await
}
