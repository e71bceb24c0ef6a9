//! The client's use of connections.

#[cfg(feature = "control")]
mod broken_http2;
mod early_answer;
mod early_answer_http2;
mod frames;
mod http1;
mod http2;
mod server;
mod unread_http2;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower_ai_gateway::HttpClient;

type Client = HttpClient<Full<Bytes>>;

fn get(url: &str) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

/// Fails instead of hanging if something never happens.
async fn soon<F: Future>(step: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), step).await.unwrap()
}
