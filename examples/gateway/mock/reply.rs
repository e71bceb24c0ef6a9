//! Responses with their headers.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json,
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::sse::Paced;

const REQUESTS_PER_MINUTE: u64 = 1_800;

/// A JSON response of an endpoint without rate limit headers.
pub(super) fn plain(value: &Value) -> Response {
    let headers = [("x-request-id", id()), ("cache-control", "no-cache".to_owned())];
    (headers, Json(value)).into_response()
}

/// A JSON response.
pub(super) fn json(value: &Value) -> Response {
    let metrics = [("x-metrics-e2e-ms", "12.5"), ("x-metrics-ttft-ms", "3.2")];
    (limits(), metrics, plain(value)).into_response()
}

/// A stream of events, one after another.
pub(super) fn events(frames: Vec<Bytes>) -> Response {
    let headers = [("x-request-id", id()), ("cache-control", "no-cache".to_owned())];
    let body = Body::new(Paced::new(frames));
    let content_type = [(header::CONTENT_TYPE, "text/event-stream")];
    (limits(), headers, content_type, body).into_response()
}

/// An id that looks like the provider's, and counts up.
pub(super) fn id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("00000000-0000-4000-8000-{next:012x}")
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn limits() -> [(&'static str, String); 5] {
    static USED: AtomicU64 = AtomicU64::new(0);
    let used = USED.fetch_add(1, Ordering::Relaxed) % REQUESTS_PER_MINUTE + 1;
    [
        ("x-ratelimit-limit-requests", REQUESTS_PER_MINUTE.to_string()),
        ("x-ratelimit-remaining-requests", (REQUESTS_PER_MINUTE - used).to_string()),
        ("x-ratelimit-limit-tokens", "10000000".to_owned()),
        ("x-ratelimit-remaining-tokens", "10000000".to_owned()),
        ("x-zero-data-retention", "false".to_owned()),
    ]
}
