//! One request, sent as often as is needed.

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::sleep;
use tower::BoxError;
use tower_service::Service;

use super::decision::Attempt;
use super::work::Work;
use crate::control::judge::{self, JudgedBody, Verdict};
use crate::control::replay::ReplayBody;
use crate::response::failure;
use crate::util::ready::Passed;

pin_project! {
    /// The future of [`Retry`](super::Retry).
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        // Direct where the request is sent once, whatever comes of it.
        #[pin]
        pub(super) call: Passed<S::Future, Given<R, S::Error>>,
    }
}

/// What is handed on of an attempt.
type Given<R, E> = Result<Response<JudgedBody<R>>, E>;

impl<S, B, R> Future for RetryFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
{
    type Output = Result<Response<JudgedBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().call.poll_map(cx, as_it_is)
    }
}

fn as_it_is<R, E>(result: Result<Response<R>, E>) -> Given<R, E> {
    result.map(|response| response.map(JudgedBody::new))
}

/// Sends the request again until an attempt is handed on. `first`: the call of the first attempt.
pub(super) async fn send<S, B, R>(
    first: S::Future,
    mut service: S,
    mut work: Work<B>,
) -> Given<R, S::Error>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    S::Error: 'static,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    let mut result = first.await;
    loop {
        let delay = match work.look_at(result).await {
            ControlFlow::Continue(delay) => delay,
            ControlFlow::Break(given) => return given,
        };
        if !delay.is_zero() {
            sleep(delay).await;
        }
        poll_fn(|cx| service.poll_ready(cx)).await?;
        work.begin();
        result = service.call(work.request()).await;
    }
}

impl<B> Work<B> {
    /// What is handed on of an attempt that has ended, or the delay before the next one.
    async fn look_at<R, E>(
        &mut self,
        result: Result<Response<R>, E>,
    ) -> ControlFlow<Given<R, E>, Duration>
    where
        E: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        if failure::is_refused(&result) {
            self.refused();
            return ControlFlow::Break(as_it_is(result));
        }
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let failure = failure::of_any(&error);
                self.ended(Err(failure));
                return decided(self.decide(Attempt::Failed(failure)), Err(error));
            }
        };
        self.ended(Ok(response.status()));
        if self.drops_option(response.status()) {
            return ControlFlow::Continue(Duration::ZERO);
        }
        let may_judge = judge::may_be_error(&response) && self.may_go_on();
        let (mut response, verdict) = match may_judge {
            true => judge::read_beginning(response, self.shape()).await,
            false => (response.map(JudgedBody::new), None),
        };
        let attempt = match verdict {
            Some(Verdict::Error(class)) => Attempt::Hidden(class, response.headers()),
            // A response that has begun to answer is not asked for again.
            _ => Attempt::Head(response.status(), response.headers()),
        };
        let delay = self.decide(attempt);
        if self.tells_verdict
            && let Some(verdict) = verdict
        {
            response.extensions_mut().insert(verdict);
        }
        // Where it is dropped, the client below sees to the rest of it.
        decided(delay, Ok(response))
    }
}

fn decided<T>(delay: Option<Duration>, given: T) -> ControlFlow<T, Duration> {
    delay.map_or(ControlFlow::Break(given), ControlFlow::Continue)
}

impl<S, B, R> fmt::Debug for RetryFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").finish_non_exhaustive()
    }
}
