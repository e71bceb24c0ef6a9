//! A connector of any type, and the stream that it returns.
//!
//! A custom connector costs a virtual call per read and write. The default connectors have concrete
//! types and cost none.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower::BoxError;
use tower_service::Service;

use crate::client::macros::passes_writes;

/// Makes connections. Clones share the connector.
#[derive(Clone)]
pub(super) struct Dialer(Arc<dyn Dial>);

pub(super) type Dialing = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

pub(super) trait Dial: Send + Sync {
    fn dial(&self, uri: Uri) -> Dialing;
}

impl Dialer {
    pub(super) fn new(dial: impl Dial + 'static) -> Self {
        Self(Arc::new(dial))
    }

    /// A connector of byte streams that says nothing about the HTTP version.
    pub(super) fn plain<C>(connector: C) -> Self
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Read + Write + Send + Unpin + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
    {
        Self::new(Connector { connector, is_http2: |_: &C::Response| false })
    }

    /// A connector that does TLS and negotiates the HTTP version.
    pub(super) fn negotiating<C>(connector: C) -> Self
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Read + Write + Connection + Send + Unpin + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
    {
        let is_http2 = |stream: &C::Response| stream.connected().is_negotiated_h2();
        Self::new(Connector { connector, is_http2 })
    }

    pub(super) fn dial(&self, uri: Uri) -> Dialing {
        self.0.dial(uri)
    }
}

impl Service<Uri> for Dialer {
    type Response = Stream;
    type Error = BoxError;
    type Future = Dialing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Dialing {
        self.dial(uri)
    }
}

struct Connector<C, F> {
    connector: C,
    is_http2: F,
}

impl<C, F> Dial for Connector<C, F>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Read + Write + Send + Unpin + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    F: Fn(&C::Response) -> bool + Copy + Send + Sync + 'static,
{
    fn dial(&self, uri: Uri) -> Dialing {
        let (mut connector, is_http2) = (self.connector.clone(), self.is_http2);
        Box::pin(async move {
            poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
            let stream = connector.call(uri).await.map_err(Into::into)?;
            Ok(Stream { is_http2: is_http2(&stream), io: Box::new(stream) })
        })
    }
}

/// A connection of any type.
pub(super) struct Stream {
    io: Box<dyn Io>,
    is_http2: bool,
}

trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self.is_http2 {
            true => Connected::new().negotiated_h2(),
            false => Connected::new(),
        }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    passes_writes!(io);
}

/// The default port of a scheme.
pub(in crate::client) fn implied_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}
