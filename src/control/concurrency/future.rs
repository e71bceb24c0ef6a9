//! The future of [`Concurrency`](super::Concurrency).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower::util::Oneshot;
use tower_service::Service;

use super::body::ConcurrencyBody;
use super::error::ConcurrencyError;
use super::pool::Permits;
use super::waiting::Waiting;

pin_project! {
    /// The future of [`Concurrency`](super::Concurrency).
    #[must_use = "futures do nothing unless polled"]
    pub struct ConcurrencyFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        state: State<S, Req>,
        permits: Permits,
        judged: bool,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Req>
    where
        S: Service<Req>,
    {
        Direct { #[pin] call: S::Future },
        // Boxed, for the head of a request alone is larger than all the rest.
        Waiting { waiting: Pin<Box<Waiting<S, Req>>> },
        Late { call: Pin<Box<Oneshot<S, Req>>> },
        Refused { error: Option<ConcurrencyError> },
    }
}

impl<S: Service<Req>, Req> ConcurrencyFuture<S, Req> {
    /// `judged`: the body of the response is going to be read to see whether it is an answer.
    pub(super) fn direct(call: S::Future, permits: Permits, judged: bool) -> Self {
        Self { state: State::Direct { call }, permits, judged }
    }

    pub(super) fn waiting(waiting: Waiting<S, Req>, judged: bool) -> Self {
        let waiting = Box::pin(waiting);
        Self { state: State::Waiting { waiting }, permits: Permits::default(), judged }
    }

    pub(super) fn refused(error: ConcurrencyError) -> Self {
        let permits = Permits::default();
        Self { state: State::Refused { error: Some(error) }, permits, judged: false }
    }
}

impl<S, Req, R> Future for ConcurrencyFuture<S, Req>
where
    S: Service<Req, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
{
    type Output = Result<Response<ConcurrencyBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let result = loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Direct { call } => break ready!(call.poll(cx)),
                StateProjection::Late { call } => break ready!(call.as_mut().poll(cx)),
                StateProjection::Refused { error } => {
                    return error
                        .take()
                        .map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
                }
                StateProjection::Waiting { waiting } => match ready!(waiting.as_mut().poll(cx)) {
                    Ok((call, permits)) => {
                        *this.permits = permits;
                        State::Late { call: Box::pin(call) }
                    }
                    Err(error) => State::Refused { error: Some(error) },
                },
            };
            this.state.set(next);
        };
        // Given back at once where the call has failed.
        let permits = std::mem::take(this.permits);
        let response = result.map_err(Into::into)?;
        let judged = *this.judged && response.status().is_success();
        Poll::Ready(Ok(ConcurrencyBody::of(response, permits, judged)))
    }
}

impl<S: Service<Req>, Req> fmt::Debug for ConcurrencyFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyFuture").finish_non_exhaustive()
    }
}
