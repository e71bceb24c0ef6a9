//! Fixed headers and parameters of one provider when another is tried, and that one's aliases.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::control::{FallbackLayer, ReplayLayer};
use tower_ai_gateway::settings::FallbackChain;
use tower_ai_gateway::{GatewayLayer, Mount, Provider};

use crate::fallbacks::scene::*;
use crate::support::scripted::Upstream;

#[tokio::test]
async fn each_provider_gets_only_its_own_fixed_headers() {
    let openai = Provider::openai().header("user-agent", "for openai").header("x-openai", "1");
    let azure = Provider::azure_openai("res")
        .query("api-version", "2024-10-21")
        .header("x-azure", "1")
        .model_alias("gpt-5", "my-dep");
    let chain = FallbackChain::on("*").to_provider("azure-openai").to("grok", "grok-4");
    let settings = keys().key("azure-openai", secret("sk-azure")).key("grok", secret("sk-grok"));
    let settings = settings.fallback(chain).build().unwrap();
    let gateway = GatewayLayer::builder()
        .providers([openai, azure, Provider::xai()])
        .mount(Mount::hosted())
        .settings(Arc::new(settings))
        .build()
        .unwrap();
    let upstream = Upstream::new(busy(&[OPENAI, "res.openai.azure.com"]));
    let stack = ServiceBuilder::new()
        .layer(ReplayLayer::on_demand())
        .layer(FallbackLayer::new())
        .service(upstream.clone());
    let app = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let request = Request::post("/v1/acct/gw/openai/v1/chat/completions?x=1")
        .header("x-client", "1")
        .header("user-agent", "the client")
        .body(Full::from(r#"{"model":"gpt-5","n":1}"#))
        .unwrap();
    let answer = gateway.upstream(stack).layer(app).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
    let calls = upstream.calls();
    let reported: Vec<_> = calls
        .iter()
        .map(|call| {
            let header = |name| call.header(name).unwrap_or("-").to_owned();
            let names = ["user-agent", "x-openai", "x-azure", "x-client"].map(header).join(" ");
            format!("{} {names} {}", call.uri, call.text())
        })
        .collect();
    assert_eq!(
        reported,
        [
            r#"https://api.openai.com/v1/chat/completions?x=1 for openai 1 - 1 {"model":"gpt-5","n":1}"#,
            r#"https://res.openai.azure.com/openai/v1/chat/completions?api-version=2024-10-21 - - 1 - {"model":"my-dep","n":1}"#,
            r#"https://api.x.ai/v1/chat/completions - - - - {"model":"grok-4","n":1}"#,
        ]
    );
    assert_eq!(calls[1].header("api-key"), Some("sk-azure"));
}
