//! The gateway around a client: the program calls gateway paths, and the layer forwards them to
//! providers.
//!
//! `XAI_API_KEY=… cargo run --example client`

use std::error::Error;

use http::{Request, header};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_ai_gateway::{EndEvent, GatewayLayer, HttpClient, Provider};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = std::env::var("XAI_API_KEY").map_err(|_| "set XAI_API_KEY to a key of xAI's")?;
    let base_url = std::env::var("XAI_BASE_URL").unwrap_or("https://api.x.ai/v1".to_owned());
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(base_url))
        .metrics_hook(|end: &EndEvent<'_>| eprintln!("{}: {}", end.context.log_id(), end.outcome))
        .build()?;
    let service = gateway.around(HttpClient::new()?);

    let body =
        r#"{"model":"grok/grok-4","messages":[{"role":"user","content":"What is a gateway?"}]}"#;
    let request = Request::post("/v1/acct/gw/compat/chat/completions")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body))?;
    let response = service.oneshot(request).await?;

    eprintln!("{} from {:?}", response.status(), response.headers().get("cf-aig-provider"));
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        if let Some(data) = frame.data_ref() {
            print!("{}", String::from_utf8_lossy(data));
        }
    }
    println!();
    Ok(())
}
