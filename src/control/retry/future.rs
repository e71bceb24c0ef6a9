//! One request, as often as it is sent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::BoxError;
use tower::retry::budget::TpsBudget;
use tower_service::Service;

use super::RetrySettings;
use super::budget;
use super::decision::{Attempt, decide};
use crate::TARGET;
use crate::context::GatewayContext;
use crate::control::replay::{ReplayBody, Take};
use crate::failure;

/// What is needed to send a request again.
pub(super) struct Work<B> {
    take: Arc<Take<B>>,
    settings: RetrySettings,
    budget: Option<Arc<TpsBudget>>,
    context: Option<GatewayContext>,
    attempts: u8,
    /// Of the attempt that is under way, among all of its exchange; where one wants to know.
    told: Option<(u32, Instant)>,
}

impl<B> Work<B> {
    pub(super) fn new(
        take: Arc<Take<B>>,
        settings: RetrySettings,
        budget: Option<Arc<TpsBudget>>,
        context: Option<GatewayContext>,
    ) -> Self {
        let mut work = Self { take, settings, budget, context, attempts: 0, told: None };
        work.begin();
        work
    }

    fn begin(&mut self) {
        self.attempts += 1;
        self.told = self.context.as_ref().map(GatewayContext::begin_attempt);
    }

    /// An attempt has ended: after which time there is another one.
    fn ended(&self, attempt: Attempt<'_>) -> Option<std::time::Duration> {
        if let Some((context, (number, began))) = self.context.as_ref().zip(self.told) {
            let result = match attempt {
                Attempt::Head(status, _) => Ok(status),
                Attempt::Failed(failure) => Err(failure),
            };
            context.attempt_ended(number, result, began.elapsed());
        }
        let is_first = self.attempts == 1;
        let Some(delay) = decide(&self.settings, self.attempts, attempt, fastrand::f64) else {
            if is_first {
                budget::deposit(self.budget.as_ref());
            }
            return None;
        };
        if !self.take.is_replayable() {
            return None;
        }
        if !budget::withdraw(self.budget.as_ref()) {
            let origin = self.take.head.uri().authority().map(|authority| authority.as_str());
            tracing::info!(target: TARGET, origin, "no retry: the origin's budget is used up");
            return None;
        }
        tracing::debug!(target: TARGET, attempts = self.attempts, ?delay, "sending again");
        Some(delay)
    }
}

pin_project! {
    /// The future of [`Retry`](super::Retry).
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<S, B>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        state: State<S::Future>,
        // `None` where the request is sent once, whatever comes of it.
        again: Option<Box<Again<S, B>>>,
    }
}

struct Again<S, B> {
    service: S,
    work: Work<B>,
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling { #[pin] call: F },
        Waiting { sleep: Pin<Box<Sleep>> },
        Readying,
    }
}

impl<S, B> RetryFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    pub(super) fn once(call: S::Future) -> Self {
        Self { state: State::Calling { call }, again: None }
    }

    pub(super) fn new(call: S::Future, service: S, work: Work<B>) -> Self {
        let again = Box::new(Again { service, work });
        Self { state: State::Calling { call }, again: Some(again) }
    }
}

impl<S, B, R> Future for RetryFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Calling { call } => {
                    let result = ready!(call.poll(cx));
                    let Some(Again { work, .. }) = this.again.as_deref() else {
                        return Poll::Ready(result);
                    };
                    let attempt = match &result {
                        Ok(response) => Attempt::Head(response.status(), response.headers()),
                        Err(error) => Attempt::Failed(failure::of_any(error)),
                    };
                    let Some(delay) = work.ended(attempt) else { return Poll::Ready(result) };
                    // Its client service sees to the rest of a response that nobody reads.
                    drop(result);
                    if delay.is_zero() {
                        State::Readying
                    } else {
                        State::Waiting { sleep: Box::pin(sleep(delay)) }
                    }
                }
                StateProjection::Waiting { sleep } => {
                    ready!(sleep.as_mut().poll(cx));
                    State::Readying
                }
                StateProjection::Readying => {
                    let Some(Again { service, work }) = this.again.as_deref_mut() else {
                        return Poll::Pending;
                    };
                    ready!(service.poll_ready(cx))?;
                    work.begin();
                    State::Calling { call: service.call(work.take.request()) }
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, B> fmt::Debug for RetryFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").finish_non_exhaustive()
    }
}
