//! The floor: a reverse proxy that does nothing but pass on.
//!
//! `bare port=P upstream=P`. It swaps the authority and pipes both bodies, over the same server and
//! client of hyper-util as the example gateway, on the same runtime.

use std::convert::Infallible;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

use crate::BoxError;
use crate::fields;
use crate::serve::serve;

type Upstream = Client<HttpConnector, Incoming>;
type Relayed = Either<Incoming, Empty<Bytes>>;

pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    let fields = fields::of_args(args);
    let upstream = format!("127.0.0.1:{}", fields.text("upstream")?).parse()?;
    let port = fields.number("port")?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(port, upstream))
}

async fn run(port: u16, authority: Authority) -> Result<(), BoxError> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .build(connector);
    let service = service_fn(move |request| {
        let response = forward(&client, &authority, request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    serve(port, Builder::new(TokioExecutor::new()), service).await
}

fn forward(
    client: &Upstream,
    authority: &Authority,
    mut request: Request<Incoming>,
) -> impl Future<Output = Response<Relayed>> + use<> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.clone());
    let sent = Uri::from_parts(parts).map(|uri| {
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        // The client sets the one of the new authority.
        request.headers_mut().remove(header::HOST);
        client.request(request)
    });
    async move {
        let response = match sent {
            Ok(response) => response.await.map_err(BoxError::from),
            Err(error) => Err(error.into()),
        };
        response.map(|response| response.map(Either::Left)).unwrap_or_else(|error| {
            eprintln!("bare: {error}");
            let mut response = Response::new(Either::Right(Empty::new()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        })
    }
}
