//! Clients that are always ready and answer at once.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tower::Service;

/// A client or app that is always ready and answers at once with a head like xAI's.
#[derive(Clone, Copy)]
pub(crate) struct AtOnce;

impl AtOnce {
    pub(crate) fn headers() -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(24);
        for name in [
            "content-type",
            "cache-control",
            "x-request-id",
            "x-zero-data-retention",
            "x-data-retention",
            "x-ratelimit-limit-requests",
            "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-remaining-tokens",
            "x-metrics-e2e-ms",
            "x-metrics-ttft-ms",
            "vary",
            "date",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        headers
    }
}

impl<B> Service<Request<B>> for AtOnce {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(Full::from(Bytes::from_static(b"{}")));
        *response.headers_mut() = Self::headers();
        ready(Ok(response))
    }
}

/// Like [`AtOnce`], with a JSON answer in one frame.
#[derive(Clone)]
pub(crate) struct Answers(pub(crate) Bytes);

impl<B> Service<Request<B>> for Answers {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(Full::from(self.0.clone()));
        *response.headers_mut() = AtOnce::headers();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
        ready(Ok(response))
    }
}

/// Answers with a stream of this many events, each in a frame.
#[derive(Clone, Copy)]
pub(crate) struct Streams(pub(crate) usize);

pub(crate) type Frames =
    StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

impl<B> Service<Request<B>> for Streams {
    type Response = Response<Frames>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        const EVENTS: [&str; 2] = [
            "data: {\"model\":\"grok-4\",\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\n\n",
            "data: {\"model\":\"grok-4\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"total_tokens\":1}}\n\n",
        ];
        let event =
            |place: usize| Ok(Frame::data(Bytes::from_static(EVENTS[place % 2].as_bytes())));
        let frames: Vec<_> = (0..self.0).map(event).collect();
        let mut response = Response::new(StreamBody::new(stream::iter(frames)));
        let value = HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert(http::header::CONTENT_TYPE, value);
        ready(Ok(response))
    }
}
