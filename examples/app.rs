//! An axum app with a gateway in it, beside the app's own routes.
//!
//! `cargo run --example app`, then point a client's base URL at
//! `http://127.0.0.1:3000/v1/acct/gw/grok`.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tower_ai_gateway::{EndEvent, GatewayLayer, HttpClient, Provider};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai())
        .provider(Provider::openai())
        .metrics_hook(|end: &EndEvent<'_>| {
            let model = end.request_model.unwrap_or("-");
            println!(
                "{} {model} {} after {:?}",
                end.context.operation(),
                end.outcome,
                end.timings.total
            );
        })
        .build()?;

    let app = Router::new()
        .route("/", get(|| async { "the app's own page\n" }))
        // Not a gateway path: no provider is called `posts`.
        .route(
            "/v1/users/{id}/posts",
            get(|Path(id): Path<u32>| async move { format!("posts of {id}\n") }),
        )
        .layer(gateway.upstream(HttpClient::new()?));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
