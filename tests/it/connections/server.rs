//! Servers that count their connections.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) type Body = BoxBody<Bytes, Infallible>;

pub(crate) struct Server {
    pub(crate) url: String,
    opened: Arc<AtomicUsize>,
    open: watch::Sender<usize>,
}

pub(crate) fn ok(text: &'static str) -> Response<Body> {
    Response::new(Full::from(text).boxed())
}

impl Server {
    /// Allows `streams` at a time on an HTTP/2 connection.
    pub(crate) async fn start<F>(
        streams: u32,
        handler: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = Self { url, opened: Arc::default(), open: watch::Sender::new(0) };
        let (opened, open) = (server.opened.clone(), server.open.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                opened.fetch_add(1, Ordering::Relaxed);
                open.send_modify(|open| *open += 1);
                let (handler, open) = (handler.clone(), open.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let response = handler(request);
                        async move { Ok::<_, Infallible>(response.await) }
                    });
                    let mut builder = Builder::new(TokioExecutor::new());
                    builder.http2().max_concurrent_streams(streams);
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    open.send_modify(|open| *open -= 1);
                });
            }
        });
        server
    }

    /// The number of connections so far.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Waits until this many connections are open.
    pub(crate) async fn has_open(&self, connections: usize) {
        let mut open = self.open.subscribe();
        crate::connections::soon(open.wait_for(|open| *open == connections)).await.unwrap();
    }
}
