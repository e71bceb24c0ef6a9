//! A scripted upstream that records its requests.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower::BoxError;
use tower_ai_gateway::control::health::{
    BreakerSettings, HealthLayer, Unavailable, UnavailableReason,
};
use tower_test::mock;

pub(crate) type Mock = mock::Handle<Request<()>, Response<Script>>;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A body with these steps. Without an end, it hangs.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) says_end: bool,
}

#[derive(Debug)]
pub(crate) enum Step {
    Data(&'static str),
    Trailers(HeaderMap),
    Break,
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.steps.is_empty() {
            return Poll::Pending;
        }
        match self.steps.remove(0) {
            Step::Data(data) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(data))))),
            Step::Trailers(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Step::Break => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.says_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(3);
        hint
    }
}

pub(crate) fn breaking() -> Vec<Step> {
    vec![Step::Data("data"), Step::Break]
}

pub(crate) fn to(uri: &str) -> Request<()> {
    Request::post(uri).body(()).unwrap()
}

pub(crate) fn answer(status: u16, steps: Vec<Step>) -> Response<Script> {
    let body = Script { steps, says_end: false };
    Response::builder().status(status).body(body).unwrap()
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn unavailable(error: &BoxError) -> (UnavailableReason, Duration) {
    let error = error.downcast_ref::<Unavailable>().unwrap();
    (error.reason, error.retry_after)
}

pub(crate) fn open_after(count: u32) -> HealthLayer {
    HealthLayer::new().breaker(BreakerSettings::default().failures_in_a_row(count))
}

/// Sends a request through a service to a client that answers with `reply`.
macro_rules! exchange {
    ($service:expr, $handle:expr, $request:expr, $reply:expr) => {{
        let call = $service.clone().oneshot($request);
        let reply = async {
            let (_, send) = $handle.next_request().await.unwrap();
            #[allow(clippy::redundant_closure_call)]
            ($reply)(send);
        };
        tokio::join!(call, reply).0
    }};
}

pub(crate) use exchange;
