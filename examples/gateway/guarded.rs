//! Pages behind the guard for operators.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;

use super::admin::{self, Guard};

/// These pages contain names that clients choose: a browser must not misread, store or embed them.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Puts these pages behind the guard. `policy`: what a browser may do with them
/// (`content-security-policy`).
pub(crate) fn guarded(router: Router, guard: Guard, policy: &'static str) -> Router {
    router
        .layer(middleware::from_fn_with_state(guard, admin::guard))
        // Outside the guard, because its refusals are pages too.
        .layer(middleware::from_fn_with_state(policy, strict))
}

async fn strict(State(policy): State<&'static str>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    response
}
