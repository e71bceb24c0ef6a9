//! Counts the instructions of repeated runs.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower::Service;

use crate::exchange::exchange;
use crate::frames::Frames;

/// The number of counted runs, so that periodic work has its share in the figure.
pub(crate) const TIMES: usize = 100;

/// Callgrind counts only this function, which it identifies by name.
#[inline(never)]
pub(crate) fn counted<T>(run: impl FnOnce() -> T) -> T {
    run()
}

/// Counts `run`, without creating its input and dropping its output.
///
/// Runs are sequential, so that memory is reused as in a server. The same number of runs before is not
/// counted: they initialise thread locals and growing buffers.
pub(crate) fn each_time<T, U>(mut input: impl FnMut() -> T, mut run: impl FnMut(T) -> U) {
    for _ in 0..TIMES {
        drop(black_box(run(input())));
    }
    for _ in 0..TIMES {
        let input = input();
        drop(black_box(counted(|| run(input))));
    }
}

/// Counts exchanges, without building their requests.
pub(crate) fn each_exchange<S, R>(mut service: S, request: impl FnMut() -> Request<Frames>)
where
    S: Service<Request<Frames>, Response = Response<R>>,
    R: Body,
{
    each_time(request, |request| exchange(&mut service, request));
}

/// A client that does nothing and never answers.
#[derive(Clone, Copy)]
pub(crate) struct Held;

/// Keeps the request of a call, so that its drop is not counted.
pub(crate) struct Holding<B>(#[allow(dead_code, reason = "it is there to be dropped")] Request<B>);

impl<B> Service<Request<B>> for Held {
    type Response = Response<Frames>;
    type Error = Infallible;
    type Future = Holding<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Holding<B> {
        Holding(request)
    }
}

impl<B> Future for Holding<B> {
    type Output = Result<Response<Frames>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}
