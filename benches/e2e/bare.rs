//! The baseline: a reverse proxy that only forwards.
//!
//! `bare port=P upstream=P`, with `certificate=FILE` over TLS. It replaces the authority and pipes
//! both bodies, with the same server and client of hyper-util as the example gateway, on the same
//! runtime.

use std::convert::Infallible;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::Connect, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

use crate::BoxError;
use crate::fields;
use crate::serve::serve;
use crate::tls;

type Relayed = Either<Incoming, Empty<Bytes>>;

pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    let fields = fields::of_args(args);
    let upstream = format!("127.0.0.1:{}", fields.text("upstream")?).parse()?;
    let port = fields.number("port")?;
    let mut transport = HttpConnector::new();
    transport.set_nodelay(true);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match fields.text("certificate") {
        Err(_) => runtime.block_on(run(port, Scheme::HTTP, upstream, transport)),
        Ok(certificate) => {
            transport.enforce_http(false);
            let connector = tls::connector(certificate.as_ref(), transport)?;
            runtime.block_on(run(port, Scheme::HTTPS, upstream, connector))
        }
    }
}

async fn run<C>(
    port: u16,
    scheme: Scheme,
    authority: Authority,
    connector: C,
) -> Result<(), BoxError>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .build(connector);
    let service = service_fn(move |request| {
        let response = forward(&client, &scheme, &authority, request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    serve(port, None, Builder::new(TokioExecutor::new()), service).await
}

fn forward<C>(
    client: &Client<C, Incoming>,
    scheme: &Scheme,
    authority: &Authority,
    mut request: Request<Incoming>,
) -> impl Future<Output = Response<Relayed>> + use<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(scheme.clone());
    parts.authority = Some(authority.clone());
    let sent = Uri::from_parts(parts).map(|uri| {
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        // The client sets `host` from the new authority.
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
