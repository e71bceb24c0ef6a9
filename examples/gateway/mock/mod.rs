//! A stand-in for xAI: the same wire format, without account and network, and with deterministic
//! answers.

mod answer;
mod ask;
mod chat;
mod embeddings;
mod failure;
mod images;
mod messages;
mod models;
mod reply;
mod responses;
mod sse;
mod usage;

use std::{io, net::SocketAddr};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use tokio::net::TcpListener;

use self::failure::Failure;

/// Enough for a prompt with a few images.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// Serves the stand-in on a free port of this machine, and returns its address.
pub(crate) async fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router()).await {
            tracing::error!(%error, "the mock has stopped");
        }
    });
    Ok(address)
}

/// All endpoints of the stand-in, under `/v1`.
pub(crate) fn router() -> Router {
    let api = Router::new()
        .route("/chat/completions", post(chat::create))
        .route("/responses", post(responses::create))
        .route("/messages", post(messages::create))
        .route("/embeddings", post(embeddings::create))
        .route("/images/generations", post(images::create))
        .route("/models", get(models::list))
        .route("/models/{id}", get(models::retrieve))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    Router::new()
        .nest("/v1", api)
        .fallback(async || Failure::NoRoute)
        .layer(middleware::from_fn(authorize))
}

/// Accepts any credential in either of the headers that clients use; refuses requests without one.
async fn authorize(headers: HeaderMap, request: Request, next: Next) -> Result<Response, Failure> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, key)| scheme.eq_ignore_ascii_case("bearer") && !key.is_empty());
    if bearer || headers.contains_key("x-api-key") {
        Ok(next.run(request).await)
    } else {
        Err(Failure::NoCredentials)
    }
}
