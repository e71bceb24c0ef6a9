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
use super::work::Work;
use crate::control::attempt;
use crate::control::replay::ReplayBody;
use crate::control::verdict::{self, ClassifiedBody, ClassifiedResult, Classifying, Verdict};
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
    work: Work<B>,
}

/// What to do with an attempt that is not returned at once.
enum Next<R> {
    /// The start of the response has not arrived yet.
    Classify(Classifying<R>),
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
    pub(super) fn repeated(call: S::Future, service: S, work: Work<B>) -> Self {
        Self { call: Passed::Direct { call }, again: Some(Box::new(Again { service, work })) }
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
            let next = again.work.look_at(result, cx)?;
            ControlFlow::Continue(Box::pin(again.go_on(next)))
        })
    }
}

opaque_debug!(RetryFuture<S, B, R> where S: Service<Request<ReplayBody<B>>>);

impl<S, B> Again<S, B> {
    /// Continues after the first attempt.
    async fn go_on<R>(mut self: Box<Self>, mut next: Next<R>) -> ClassifiedResult<R, S::Error>
    where
        S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
        S::Error: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        loop {
            let delay = match next {
                Next::Send(delay) => delay,
                Next::Classify(mut classifying) => {
                    let verdict = poll_fn(|cx| classifying.poll(cx)).await;
                    match self.work.classified(classifying, verdict) {
                        ControlFlow::Continue(delay) => delay,
                        ControlFlow::Break(response) => return Ok(response),
                    }
                }
            };
            if !delay.is_zero() {
                sleep(delay).await;
            }
            poll_fn(|cx| self.service.poll_ready(cx)).await?;
            let request = self.work.request();
            let looked_at = {
                let mut call = pin!(self.work.call(&mut self.service, request));
                let poll = |cx: &mut Context<'_>| {
                    call.as_mut().poll(cx).map(|result| self.work.look_at(result, cx))
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

impl<B> Work<B> {
    /// The result to return, or what to do next.
    fn look_at<R, E>(
        &mut self,
        result: Result<Response<R>, E>,
        cx: &mut Context<'_>,
    ) -> ControlFlow<ClassifiedResult<R, E>, Next<R>>
    where
        E: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        if attempt::report_end(self.context.as_ref(), &result) {
            return ControlFlow::Break(verdict::unclassified(result));
        }
        let mut response = match result {
            Ok(response) => response,
            Err(error) if failure::leads_elsewhere(&error) => {
                return ControlFlow::Break(Err(error));
            }
            Err(error) => {
                let delay = self.decide(Attempt::Failed(failure::of_any(&error)));
                return decided(delay, Err(error)).map_continue(Next::Send);
            }
        };
        if self.drops_option(response.status()) {
            return ControlFlow::Continue(Next::Send(Duration::ZERO));
        }
        if verdict::may_be_error(&response) && self.may_go_on() {
            match Classifying::new(response, self.shape()) {
                Ok(mut classifying) => {
                    let Poll::Ready(verdict) = classifying.poll(cx) else {
                        return ControlFlow::Continue(Next::Classify(classifying));
                    };
                    return self
                        .classified(classifying, verdict)
                        .map_break(Ok)
                        .map_continue(Next::Send);
                }
                Err(unread) => response = unread,
            }
        }
        // If the response is dropped, the client below handles the rest of it.
        let delay = self.decide(Attempt::Head(response.status(), response.headers()));
        decided(delay, Ok(response.map(ClassifiedBody::new))).map_continue(Next::Send)
    }

    /// The response, or the delay before the next attempt.
    fn classified<R>(
        &self,
        classifying: Classifying<R>,
        verdict: Verdict,
    ) -> ControlFlow<Response<ClassifiedBody<R>>, Duration>
    where
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        let mut response = classifying.into_response();
        let attempt = match verdict {
            Verdict::Error(class) => Attempt::Hidden(class, response.headers()),
            // A response that has started to answer is not requested again.
            _ => Attempt::Head(response.status(), response.headers()),
        };
        let delay = self.decide(attempt);
        if self.tells_verdict {
            response.extensions_mut().insert(verdict);
        }
        decided(delay, response)
    }
}

fn decided<T>(delay: Option<Duration>, given: T) -> ControlFlow<T, Duration> {
    delay.map_or(ControlFlow::Break(given), ControlFlow::Continue)
}
