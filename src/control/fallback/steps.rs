//! The future of [`Fallback`](super::Fallback): tries one request step by step.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

use super::state::FallbackState;
use crate::context::GatewayContext;
use crate::context::answer_read::ReadBy;
use crate::control::classify::CallClass;
use crate::control::replay::ReplayBody;
use crate::control::verdict::{self, ClassifiedBody, ClassifiedResult, Classifying, Verdict};
use crate::control::{attempt, call};
use crate::response::failure;
use crate::util::opaque::opaque_debug;
use crate::util::ready::Passed;
use crate::util::timeout::TimeoutError;

pin_project! {
    /// The future of [`Fallback`](super::Fallback).
    ///
    /// The first call is stored inline; everything after it is boxed.
    #[must_use = "futures do nothing unless polled"]
    pub struct FallbackFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        call: Passed<S::Future, ClassifiedResult<R, S::Error>>,
        // `None` if there is nothing else to try.
        steps: Option<Box<Steps<S, B>>>,
    }
}

/// Tries further steps.
struct Steps<S, B> {
    service: S,
    state: FallbackState<B>,
}

/// What to do with a step that is not returned at once.
enum Next<R, E> {
    /// The start of the response has not arrived yet.
    Classify(Response<ClassifiedBody<R>>, Classifying),
    /// It failed, and something else may be tried.
    Failed(ClassifiedResult<R, E>),
    /// It failed with an error after which nothing else is tried.
    Ended(E),
}

/// The last failed response, returned if no other step succeeds.
struct Last<R> {
    response: Response<ClassifiedBody<R>>,
    step: usize,
}

impl<S, B, R> FallbackFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
{
    pub(super) fn direct(call: S::Future) -> Self {
        Self { call: Passed::Direct { call }, steps: None }
    }

    /// `call` is the first step. `service` makes the others.
    pub(super) fn several(call: S::Future, service: S, state: FallbackState<B>) -> Self {
        Self { call: Passed::Direct { call }, steps: Some(Box::new(Steps { service, state })) }
    }
}

impl<S, B, R> Future for FallbackFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = ClassifiedResult<R, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.call.poll_or(cx, |result, cx| {
            let Some(mut steps) = this.steps.take() else {
                return ControlFlow::Break(verdict::unclassified(result));
            };
            let next = steps.state.look_at(result, cx)?;
            ControlFlow::Continue(Box::pin(steps.try_others(next)))
        })
    }
}

opaque_debug!(FallbackFuture<S, B, R> where S: Service<Request<ReplayBody<B>>>);

impl<S, B> Steps<S, B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Continues after the first step until a result can be returned.
    async fn try_others<R>(
        mut self: Box<Self>,
        mut next: Next<R, S::Error>,
    ) -> ClassifiedResult<R, S::Error>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        S::Error: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        let mut last = None;
        loop {
            let failed = match next {
                Next::Failed(failed) => failed,
                Next::Classify(mut response, mut classifying) => {
                    let poll = |cx: &mut Context<'_>| classifying.poll(&mut response, cx);
                    let verdict = beside(last.as_mut(), poll).await;
                    match answered(response, verdict) {
                        ControlFlow::Continue(failed) => failed,
                        ControlFlow::Break(given) => return given,
                    }
                }
                Next::Ended(error) => return self.state.hand_on(last.ok_or(error)),
            };
            let mut best = match failed {
                Ok(response) => Ok(Last::new(response, self.state.step)),
                Err(error) => last.ok_or(error),
            };
            let look = |cx: &mut Context<'_>| self.state.poll_look_in_time(cx);
            if let Err(silence) = beside(best.as_mut().ok(), look).await {
                return self.state.hand_on(best.map_err(|error| or_else(silence, error)));
            }
            let Some(request) = self.state.next() else { return self.state.hand_on(best) };
            if let Err(error) = beside(best.as_mut().ok(), |cx| self.service.poll_ready(cx)).await {
                return self.state.hand_on(best.or(Err(error)));
            }
            let looked_at = {
                let mut call =
                    pin!(attempt::call(self.state.plan.context(), &mut self.service, request));
                let poll = |cx: &mut Context<'_>| {
                    call.as_mut().poll(cx).map(|result| self.state.look_at(result, cx))
                };
                beside(best.as_mut().ok(), poll).await
            };
            next = match looked_at {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(given) => return given,
            };
            last = best.ok();
        }
    }
}

impl<B> FallbackState<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The result to return, or what to do next.
    fn look_at<R, E>(
        &mut self,
        result: Result<Response<R>, E>,
        cx: &mut Context<'_>,
    ) -> ControlFlow<ClassifiedResult<R, E>, Next<R, E>>
    where
        E: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        if attempt::report_end(self.plan.context(), &result) {
            return ControlFlow::Break(verdict::unclassified(result));
        }
        let mut response = match result {
            Ok(response) => response,
            Err(error) => {
                let leads_elsewhere = failure::leads_elsewhere(&error)
                    || self.rule.failure(failure::of_any(&error)) >= CallClass::Fallback;
                let leads_on = leads_elsewhere && self.may_go_on();
                return ControlFlow::Continue(match leads_on {
                    true => Next::Failed(Err(error)),
                    false => Next::Ended(error),
                });
            }
        };
        // A retry may have read it already.
        let read_by = self.plan.context().and_then(GatewayContext::take_answer_read);
        let verdict = match read_by {
            Some(ReadBy::Retry) => Some(Verdict::Answer),
            _ => response.extensions_mut().remove::<Verdict>(),
        };
        // The rule may be the host's, and reject a head whose body is an answer.
        let is_failure = verdict.is_some_and(|verdict| verdict != Verdict::Answer)
            || self.rule.response(response.status(), response.headers()) >= CallClass::Fallback;
        if is_failure {
            return match self.may_go_on() {
                true => ControlFlow::Continue(Next::Failed(Ok(
                    response.map(ClassifiedBody::classified)
                ))),
                false => ControlFlow::Break(Ok(response.map(ClassifiedBody::new))),
            };
        }
        let is_read = verdict.is_some() || read_by.is_some();
        // Hold nothing back if we know that there is nothing else to try.
        if !is_read
            && let Some(format) = verdict::suspect_format(&response)
            && self.may_go_on_as_far_as_known(cx)
            && let Some(mut classifying) =
                Classifying::new(format, response.headers(), self.plan.shape())
        {
            let mut response = response.map(ClassifiedBody::classified);
            let Poll::Ready(verdict) = classifying.poll(&mut response, cx) else {
                return ControlFlow::Continue(Next::Classify(response, classifying));
            };
            return answered(response, verdict).map_continue(Next::Failed);
        }
        ControlFlow::Break(Ok(response.map(ClassifiedBody::new)))
    }

    /// Returns the last result: nothing else can be tried.
    fn hand_on<R, E>(&mut self, best: Result<Last<R>, E>) -> ClassifiedResult<R, E> {
        best.map(|last| {
            self.set_step(last.step);
            last.response
        })
    }
}

/// The timeout as an error of this type, or the other error if it cannot be one.
fn or_else<E: 'static>(timeout: TimeoutError, error: E) -> E {
    let mut timeout = Some(BoxError::from(timeout));
    let timeout: &mut dyn Any = &mut timeout;
    timeout.downcast_mut().and_then(Option::take).unwrap_or(error)
}

/// Breaks with the response if it is an answer.
fn answered<R, E>(
    response: Response<ClassifiedBody<R>>,
    verdict: Verdict,
) -> ControlFlow<ClassifiedResult<R, E>, ClassifiedResult<R, E>> {
    match verdict {
        Verdict::Answer => ControlFlow::Break(Ok(response)),
        _ => ControlFlow::Continue(Ok(response)),
    }
}

impl<R> Last<R> {
    fn new(mut response: Response<ClassifiedBody<R>>, step: usize) -> Self {
        // The next try may need the permits that this response holds.
        call::release_early(&mut response);
        Self { response, step }
    }
}

/// Awaits `poll` and meanwhile reads the response that may still be returned: its connection may
/// close when its request is dropped.
async fn beside<R, T>(
    mut last: Option<&mut Last<R>>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> T
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    poll_fn(|cx| {
        if let Some(last) = &mut last {
            last.response.body_mut().read_what_is_there(cx);
        }
        poll(cx)
    })
    .await
}
