//! hyper as a gateway's client: both versions of HTTP, and bodies sent piece by piece.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::guard;

pub type ClientBody = BoxBody<Bytes, Infallible>;

/// A connection to a gateway.
#[derive(Debug)]
pub enum Connection {
    Http1(http1::SendRequest<ClientBody>),
    Http2(http2::SendRequest<ClientBody>),
}

impl Connection {
    /// Connects with this version of HTTP; HTTP/2 by prior knowledge.
    pub async fn open(addr: SocketAddr, version: Version) -> Self {
        let stream = guard("a connection", TcpStream::connect(addr)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let io = TokioIo::new(stream);
        if version == Version::HTTP_2 {
            let (sender, connection) =
                guard("HTTP/2", http2::handshake(TokioExecutor::new(), io)).await.unwrap();
            tokio::spawn(connection);
            return Self::Http2(sender);
        }
        let (sender, connection) = guard("HTTP/1", http1::handshake(io)).await.unwrap();
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    pub async fn send(&mut self, request: Request<ClientBody>) -> Response<Incoming> {
        self.try_send(request).await.unwrap()
    }

    pub async fn try_send(
        &mut self,
        request: Request<ClientBody>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => guard("a response", sender.send_request(request)).await,
            Self::Http2(sender) => guard("a response", sender.send_request(request)).await,
        }
    }
}

/// A request for both versions: HTTP/1.1 gets its target and `host` from the URI.
pub fn request(
    version: Version,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: ClientBody,
) -> Request<ClientBody> {
    let mut request = Request::builder().method(method);
    request = if version == Version::HTTP_2 {
        request.uri(format!("http://gateway.test{path}"))
    } else {
        request.uri(path).header("host", "gateway.test")
    };
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

pub fn full(bytes: impl Into<Bytes>) -> ClientBody {
    Full::new(bytes.into()).boxed()
}

/// A body sent frame by frame by the test; dropping the sender ends it.
pub fn channel() -> (Sender<Bytes, Infallible>, ClientBody) {
    let (sender, body) = Channel::new(1);
    (sender, body.boxed())
}

/// The next data of a body; `None` at its end, which HTTP/2 may send as an empty frame.
pub async fn next_data(body: &mut Incoming) -> Option<Bytes> {
    loop {
        let frame = guard("a frame", body.frame()).await?;
        let data = frame.unwrap().into_data().expect("data, not trailers");
        if !data.is_empty() {
            return Some(data);
        }
    }
}

/// A whole body, or its error.
pub async fn collect(body: Incoming) -> hyper::Result<Bytes> {
    Ok(guard("the whole body", body.collect()).await?.to_bytes())
}
