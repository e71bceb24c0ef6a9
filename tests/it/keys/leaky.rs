//! A leaking layer, to check that leaks are detected.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, Uri};
use tower::{BoxError, Service};

/// Where the first key leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leak {
    Nowhere,
    /// Into the key header of the next provider.
    NextKey,
    /// Into an unknown header.
    NextHeader,
    NextQuery,
    /// Into the response.
    Response,
}

/// Stands between the gateway and the providers.
#[derive(Clone)]
pub(crate) struct Leaky<S> {
    inner: S,
    leak: Leak,
    first: Arc<Mutex<Option<HeaderValue>>>,
}

impl<S> Leaky<S> {
    pub(crate) fn new(inner: S, leak: Leak) -> Self {
        Self { inner, leak, first: Arc::default() }
    }
}

impl<S, B, R> Service<Request<B>> for Leaky<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut first = self.first.lock().unwrap();
        let headers = request.headers_mut();
        let key =
            headers.values().find(|value| value.as_bytes().windows(7).any(|w| w == b"sk-LEAK"));
        let Some(leaked) = first.clone() else {
            first.clone_from(&key.cloned());
            return Box::pin(self.inner.call(request));
        };
        let leaks_out = self.leak == Leak::Response;
        match self.leak {
            Leak::Nowhere | Leak::Response => {}
            Leak::NextKey => {
                for value in headers.values_mut().filter(|value| value.is_sensitive()) {
                    value.clone_from(&leaked);
                }
            }
            Leak::NextHeader => {
                headers.insert("x-debug", leaked.clone());
            }
            Leak::NextQuery => {
                let key = leaked.to_str().unwrap().rsplit(' ').next().unwrap();
                let uri = format!("{}?debug={key}", request.uri());
                *request.uri_mut() = Uri::try_from(uri).unwrap();
            }
        }
        let call = self.inner.call(request);
        Box::pin(async move {
            let mut response = call.await?;
            if leaks_out {
                response.headers_mut().insert("x-debug", leaked);
            }
            Ok(response)
        })
    }
}
