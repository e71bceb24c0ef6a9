//! The load's connections, with hyper's low-level client.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::BoxError;
use crate::loads::{Exchange, Load, Protocol, STREAMS};

/// A sender's share of a connection.
pub(crate) enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    H2c(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::H2c(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

/// Connects all senders of a load.
pub(crate) async fn connect(load: &Load, port: u16) -> Result<Vec<Sender>, BoxError> {
    let mut senders = Vec::with_capacity(load.senders);
    for _ in 0..load.connections() {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        match load.protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                senders.push(Sender::Http1(sender));
            }
            Protocol::H2c => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                let free = (load.senders - senders.len()).min(STREAMS);
                senders.extend((0..free).map(|_| Sender::H2c(sender.clone())));
            }
        }
    }
    Ok(senders)
}

/// The headers of OpenAI's library for Python.
const SDK_HEADERS: [(&str, &str); 11] = [
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
    ("user-agent", "OpenAI/Python 1.99.0"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-async", "false"),
    ("x-stainless-lang", "python"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-package-version", "1.99.0"),
    ("x-stainless-read-timeout", "600"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-runtime", "CPython"),
];

/// The request that every sender repeats.
pub(crate) fn request(
    load: &Load,
    port: u16,
    path: &str,
    header: (&str, &str),
) -> Result<Request<Full<Bytes>>, BoxError> {
    let authority = format!("127.0.0.1:{port}");
    let mut request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header.0, header.1)
        .body(Full::from(load.exchange.request()))?;
    if matches!(load.exchange, Exchange::Sdk(_)) {
        let names = SDK_HEADERS
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        request.headers_mut().extend(names);
    }
    match load.protocol {
        Protocol::Http1 => {
            request.headers_mut().insert(header::HOST, HeaderValue::from_str(&authority)?);
        }
        Protocol::H2c => {
            let uri = Uri::builder().scheme("http").authority(authority).path_and_query(path);
            *request.uri_mut() = uri.build()?;
        }
    }
    Ok(request)
}
