//! The future of [`Retry`](super::Retry): one request, sent as often as needed.

use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
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
use super::state::RetryState;
use crate::context::GatewayContext;
use crate::context::answer_read::ReadBy;
use crate::control::replay::ReplayBody;
use crate::control::verdict::{self, ClassifiedBody, ClassifiedResult, Classifying, Verdict};
use crate::control::{attempt, call, timeout};
use crate::response::failure;
use crate::util::opaque::opaque_debug;
use crate::util::ready::Passed;

pin_project! {
    /// The future of [`Retry`](super::Retry).
    ///
    /// The first call is stored inline; everything after it is boxed.
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        call: Passed<S::Future, ClassifiedResult<R, S::Error>>,
        // `None` if the request is never sent again.
        again: Option<Box<Again<S, B>>>,
    }
}

/// Sends a request again.
struct Again<S, B> {
    service: S,
    state: RetryState<B>,
}

/// The result of the last call that was made, returned if no other can be.
type Last<R, E> = Option<ClassifiedResult<R, E>>;

/// What to do with an attempt that is not returned at once.
enum Next<R> {
    /// The start of the response has not arrived yet.
    Classify(Response<ClassifiedBody<R>>, Classifying),
    /// Send the request again after this delay.
    Send(Duration),
}

impl<S, B, R> RetryFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
{
    pub(super) fn direct(call: S::Future) -> Self {
        Self { call: Passed::Direct { call }, again: None }
    }

    /// `call` is the first attempt. `service` makes the others.
    pub(super) fn repeated(call: S::Future, service: S, state: RetryState<B>) -> Self {
        Self { call: Passed::Direct { call }, again: Some(Box::new(Again { service, state })) }
    }
}

impl<S, B, R> Future for RetryFuture<S, B, R>
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
            let Some(mut again) = this.again.take() else {
                return ControlFlow::Break(verdict::unclassified(result));
            };
            let mut last = None;
            let next = again.state.look_at(result, &mut last, cx)?;
            ControlFlow::Continue(Box::pin(again.go_on(next, last)))
        })
    }
}

opaque_debug!(RetryFuture<S, B, R> where S: Service<Request<ReplayBody<B>>>);

impl<S, B> Again<S, B> {
    /// Continues after the first attempt.
    async fn go_on<R>(
        mut self: Box<Self>,
        mut next: Next<R>,
        mut last: Last<R, S::Error>,
    ) -> ClassifiedResult<R, S::Error>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        S::Error: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        loop {
            let delay = match next {
                Next::Send(delay) => delay,
                Next::Classify(mut response, mut classifying) => {
                    let verdict = poll_fn(|cx| classifying.poll(&mut response, cx)).await;
                    let delay = self.state.classified(&mut response, verdict);
                    match keep(delay, Ok(response), &mut last) {
                        ControlFlow::Continue(delay) => delay,
                        ControlFlow::Break(given) => return given,
                    }
                }
            };
            if !delay.is_zero() {
                let mut slept = pin!(sleep(delay));
                poll_fn(|cx| {
                    read_ahead(&mut last, cx);
                    slept.as_mut().poll(cx)
                })
                .await;
            }
            poll_fn(|cx| self.service.poll_ready(cx)).await?;
            let request = self.state.request();
            let looked_at = {
                let mut call = pin!(self.state.call(&mut self.service, request));
                let poll = |cx: &mut Context<'_>| {
                    read_ahead(&mut last, cx);
                    let polled = call.as_mut().poll(cx);
                    polled.map(|result| self.state.look_at(result, &mut last, cx))
                };
                poll_fn(poll).await
            };
            next = match looked_at {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(given) => return given,
            };
        }
    }
}

impl<B> RetryState<B> {
    /// The result to return, or what to do next.
    fn look_at<R, E>(
        &mut self,
        result: Result<Response<R>, E>,
        last: &mut Last<R, E>,
        cx: &mut Context<'_>,
    ) -> ControlFlow<ClassifiedResult<R, E>, Next<R>>
    where
        E: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        if let Err(error) = &result
            && self.was_not_made(error)
            && let Some(kept) = last.take()
        {
            self.take_back();
            return keep(self.wait_for_key(error), kept, last).map_continue(Next::Send);
        }
        if attempt::report_end(self.context.as_ref(), &result) {
            return ControlFlow::Break(verdict::unclassified(result));
        }
        self.has_waited = false;
        let response = match result {
            Ok(response) => response,
            Err(error) if failure::leads_elsewhere(&error) => {
                return ControlFlow::Break(Err(error));
            }
            Err(error) => {
                let failure = failure::of_any(&error);
                let delay = self.decide(match timeout::is_clients(&error, self.context.as_ref()) {
                    true => Attempt::GivenUp(failure),
                    false => Attempt::Failed(failure),
                });
                return keep(delay, Err(error), last).map_continue(Next::Send);
            }
        };
        if self.drops_option(response.status()) {
            return ControlFlow::Continue(Next::Send(Duration::ZERO));
        }
        if let Some(format) = verdict::suspect_format(&response)
            && self.may_go_on()
        {
            if self.context.as_ref().and_then(GatewayContext::take_answer_read).is_some() {
                let mut response = response.map(ClassifiedBody::new);
                let delay = self.classified(&mut response, Verdict::Answer);
                return keep(delay, Ok(response), last).map_continue(Next::Send);
            }
            let shape = self.shape();
            if let Some(mut classifying) = Classifying::new(format, response.headers(), shape) {
                let mut response = response.map(ClassifiedBody::classified);
                let Poll::Ready(verdict) = classifying.poll(&mut response, cx) else {
                    return ControlFlow::Continue(Next::Classify(response, classifying));
                };
                let delay = self.classified(&mut response, verdict);
                return keep(delay, Ok(response), last).map_continue(Next::Send);
            }
        }
        let delay = self.decide(Attempt::Head(response.status(), response.headers()));
        let body = match delay {
            Some(_) => ClassifiedBody::classified,
            None => ClassifiedBody::new,
        };
        keep(delay, Ok(response.map(body)), last).map_continue(Next::Send)
    }

    /// The delay before the next attempt, if there is one after this response.
    fn classified<R>(&self, response: &mut Response<R>, verdict: Verdict) -> Option<Duration> {
        let attempt = match verdict {
            Verdict::Error(class) => Attempt::Hidden(class, response.headers()),
            // A response that has started to answer is not requested again.
            _ => Attempt::Head(response.status(), response.headers()),
        };
        let delay = self.decide(attempt);
        match &self.context {
            _ if !self.tells_verdict => {}
            // It is the last response of this layer.
            Some(context) if verdict == Verdict::Answer && delay.is_none() => {
                context.set_answer_read(ReadBy::Retry);
            }
            _ => drop(response.extensions_mut().insert(verdict)),
        }
        delay
    }
}

/// Keeps the result if there is another attempt, after `delay`.
fn keep<R, E>(
    delay: Option<Duration>,
    mut result: ClassifiedResult<R, E>,
    last: &mut Last<R, E>,
) -> ControlFlow<ClassifiedResult<R, E>, Duration> {
    let Some(delay) = delay else { return ControlFlow::Break(result) };
    if let Ok(response) = &mut result {
        // The next attempt may need the permits that this response holds.
        call::release_early(response);
    }
    *last = Some(result);
    ControlFlow::Continue(delay)
}

/// Reads what has arrived of a response that may still be returned: its connection may close when
/// its request is dropped.
fn read_ahead<R, E>(last: &mut Last<R, E>, cx: &mut Context<'_>)
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    if let Some(Ok(response)) = last {
        response.body_mut().read_what_is_there(cx);
    }
}
