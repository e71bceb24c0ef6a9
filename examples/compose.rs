//! Layers of tower and tower-http above the gateway and below it.
//!
//! `cargo run --example compose`, then `curl -i http://127.0.0.1:3000/`.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{HeaderName, StatusCode};
use tower::ServiceBuilder;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower_ai_gateway::{GatewayLayer, HttpClient, Mount, Provider};
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter("info,tower_http=debug").init();

    // Below the gateway: layers for every call of a provider. A call that is shed is a 503 to the
    // client, one whose head takes longer than a minute a 504; streams may last longer.
    let upstream = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(256))
        .layer(TimeoutLayer::new(Duration::from_secs(60)))
        .service(HttpClient::new()?);

    let gateway = GatewayLayer::builder()
        .providers(Provider::all())
        // One gateway and no ids in the path: `/ai/grok/chat/completions`.
        .mount(Mount::at("/ai").exclusive())
        .build()?;

    // Compression is only for the app's own pages: a provider's stream must stay unchanged.
    let pages = Router::new()
        .route(
            "/",
            get(|| async { "the app's own page, compressed where the client asks\n".repeat(64) }),
        )
        .layer(CompressionLayer::new());

    // The id that an exchange shares with the host. It stays here; `x-request-id` would reach the
    // provider.
    let id = HeaderName::from_static("cf-aig-event-id");

    // Above the gateway: layers for every request, the app's and the gateway's.
    let app = pages.layer(gateway.upstream(upstream)).layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
            .layer(TraceLayer::new_for_http())
            .layer(PropagateRequestIdLayer::new(id))
            .layer(tower_http::timeout::TimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                Duration::from_secs(120),
            )),
    );

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
