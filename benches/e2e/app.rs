//! An axum app with five routes, of which one is called: alone, or together with the gateway.
//!
//! `app port=P`, `app-in-gateway port=P upstream=P`, `app-with-layer port=P upstream=P`. Everything
//! else has the crate's defaults.

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tower::{Layer, Service};
use tower_ai_gateway::{GatewayLayer, HttpClient, InterceptLayer, Provider, RequestBody};

use crate::BoxError;
use crate::fields;
use crate::loads::ANSWER;
use crate::process;
use crate::serve::serve;

/// The path of the called route.
pub(crate) const OWN: &str = "/users/7/orders";

pub(crate) fn alone(args: &[String]) -> Result<(), BoxError> {
    run(args, app())
}

pub(crate) fn in_gateway(args: &[String]) -> Result<(), BoxError> {
    run(args, gateway(args)?.layer(app()))
}

pub(crate) fn with_layer(args: &[String]) -> Result<(), BoxError> {
    run(args, app().layer(gateway(args)?))
}

fn app() -> Router {
    let answer = Bytes::from(vec![b'x'; ANSWER]);
    Router::new()
        .route("/", get(|| async { "home\n" }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/users", get(|| async { "users\n" }))
        .route("/users/{id}", get(|| async { "a user\n" }))
        .route("/users/{id}/orders", post(|_: Bytes| async move { answer }))
}

fn gateway<B>(args: &[String]) -> Result<InterceptLayer<HttpClient<RequestBody<B>>>, BoxError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let upstream = fields::of_args(args).text("upstream")?;
    let provider = Provider::xai().base_url(format!("http://127.0.0.1:{upstream}/v1"));
    Ok(GatewayLayer::builder().provider(provider).build()?.upstream(HttpClient::new()?))
}

fn run<S, B>(args: &[String], service: S) -> Result<(), BoxError>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let (port, builder) =
        (fields::of_args(args).number("port")?, Builder::new(TokioExecutor::new()));
    process::block_on(serve(port, None, builder, TowerToHyperService::new(service)))
}
