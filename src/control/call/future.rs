//! The future of an upstream call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::BoxError;

use super::body::{CallBody, Reading};
use super::guards::Guards;
use crate::control::timeout::Timing;
use crate::control::verdict;
use crate::response::failure;
use crate::util::body_hint::is_over;
use crate::util::opaque::opaque_debug;
use crate::util::ready::COMPLETED;

pin_project! {
    /// The future of an upstream call; see [`Call`](super::Call).
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<F, R>
    where
        R: Body,
    {
        #[pin]
        state: State<F, R>,
    }
}

/// The result of a call.
pub(super) type Output<R> = Result<Response<CallBody<R>>, BoxError>;

pin_project! {
    #[project = StateProjection]
    enum State<F, R>
    where
        R: Body,
    {
        Running { #[pin] running: Running<F> },
        // Boxed: few requests wait.
        Waiting { late: Pin<Box<dyn Future<Output = Output<R>> + Send>> },
        Refused { error: Option<BoxError> },
    }
}

pin_project! {
    /// A running call.
    pub(super) struct Running<F> {
        #[pin]
        pub(super) call: F,
        // Boxed: most calls have no timeouts.
        pub(super) timing: Option<Box<Timing>>,
        pub(super) guards: Guards,
        // A layer above reads the response body to see whether it is an error. False if nothing
        // depends on it.
        pub(super) is_classified: bool,
        // The client may not leave the body unread for longer than its idle timeout.
        pub(super) watches_reader: bool,
    }
}

impl<F, R: Body> CallFuture<F, R> {
    #[inline]
    pub(super) fn running(running: Running<F>) -> Self {
        Self { state: State::Running { running } }
    }

    pub(super) fn waiting(late: impl Future<Output = Output<R>> + Send + 'static) -> Self {
        Self { state: State::Waiting { late: Box::pin(late) } }
    }

    pub(super) fn refused(error: impl Into<BoxError>) -> Self {
        Self { state: State::Refused { error: Some(error.into()) } }
    }
}

impl<F, R, E> Future for CallFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    type Output = Output<R>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Running { running } => {
                let running = running.project();
                let result = match (running.call.poll(cx), running.timing.as_mut()) {
                    (Poll::Ready(result), _) => result.map_err(Into::into),
                    (Poll::Pending, None) => return Poll::Pending,
                    (Poll::Pending, Some(timing)) => Err(ready!(timing.poll_late(cx)).into()),
                };
                let mut guards = std::mem::take(running.guards);
                Poll::Ready(match result {
                    Ok(mut response) => {
                        let is_classified = *running.is_classified;
                        let may_be_dropped = responded(&mut response, &mut guards, is_classified);
                        let is_read = is_classified && verdict::suspect_format(&response).is_some();
                        let reading = Reading { may_be_dropped, at_once: is_read.then_some(cx) };
                        let (timing, watches_reader) =
                            (running.timing.take(), *running.watches_reader);
                        Ok(CallBody::of_call(response, timing, guards, watches_reader, reading))
                    }
                    Err(error) => {
                        guards.failed(&error);
                        Err(error)
                    }
                })
            }
            StateProjection::Waiting { late } => late.as_mut().poll(cx),
            StateProjection::Refused { error } => {
                #[expect(clippy::expect_used, reason = "a future must not be polled after its end")]
                let error = error.take().expect(COMPLETED);
                Poll::Ready(Err(error))
            }
        }
    }
}

/// Handles a response head. Returns true if a layer above may drop the response for another one.
fn responded<R: Body>(
    response: &mut Response<R>,
    guards: &mut Guards,
    is_classified: bool,
) -> bool {
    if guards.is_empty() {
        return false;
    }
    let is_read = is_classified && response.status().is_success();
    if failure::is_refusal(response) {
        // No result to count: the upstream was not called.
        *guards.tracked() = None;
    }
    if let Some(tracked) = guards.tracked() {
        tracked.responded(response, is_read, Instant::now());
    }
    // By a rule of the host, a layer above may drop any response.
    (is_classified || verdict::is_failure(response.status())) && !is_over(response.body())
}

opaque_debug!(CallFuture<F, R> where R: Body);
