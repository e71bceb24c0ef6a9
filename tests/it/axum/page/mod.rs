//! The code of `docs/axum.md`: each section is at the start of a file, followed by tests of the
//! page's claims.

mod bodies;
mod compression;
mod cors;
mod mounts;
mod place;
mod request_ids;
mod routers;
mod shutdown;
mod tenants;
mod testing;
mod timeouts;

use axum::Router;
use axum::body::Body;
use http::Request;
use tower::ServiceExt;
use tower_ai_gateway::{GatewayLayer, Mount, Provider};

use crate::support::message::response;
use crate::support::raw_upstream::Recorder;

const PAGE: &str = include_str!("../../../../docs/axum.md");

const FILES: [&str; 11] = [
    include_str!("bodies.rs"),
    include_str!("compression.rs"),
    include_str!("cors.rs"),
    include_str!("mounts.rs"),
    include_str!("place.rs"),
    include_str!("request_ids.rs"),
    include_str!("routers.rs"),
    include_str!("shutdown.rs"),
    include_str!("tenants.rs"),
    include_str!("testing.rs"),
    include_str!("timeouts.rs"),
];

/// Checks that the page shows the code that is compiled and run here.
#[test]
fn the_page_shows_the_code_that_runs_here() {
    let blocks = PAGE.split("```rust\n").skip(1);
    let blocks: Vec<_> = blocks.map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), FILES.len(), "each file stands for one block");
    for block in blocks {
        assert!(FILES.iter().any(|file| file.starts_with(block)), "no test has:\n{block}");
    }
}

/// A provider that answers with JSON.
async fn provider() -> Recorder {
    let json = &["content-type: application/json"];
    let body = br#"{"choices":[{"message":{"role":"assistant","content":"Hi there."}}]}"#;
    Recorder::answering(|_| response("200 OK", json, body)).await
}

fn layer(provider: &Recorder) -> GatewayLayer {
    layer_to(provider.base("/v1"))
}

fn layer_to(base: String) -> GatewayLayer {
    GatewayLayer::builder().provider(Provider::xai().base_url(base)).build().unwrap()
}

fn layer_at(provider: &Recorder, prefix: &str) -> GatewayLayer {
    let provider = Provider::xai().base_url(provider.base("/v1"));
    GatewayLayer::builder().provider(provider).mount(Mount::at(prefix)).build().unwrap()
}

fn post(path: &str) -> Request<Body> {
    let request = Request::post(path).header("authorization", "Bearer test-key");
    request.body(Body::from(r#"{"model":"grok-4"}"#)).unwrap()
}

async fn answer(app: &Router, request: Request<Body>) -> (u16, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
