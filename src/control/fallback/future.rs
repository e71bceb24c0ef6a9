//! One request, as far as its steps lead.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

use super::work::Work;
use crate::control::judge::{self, JudgedBody, Judging, Verdict};
use crate::control::replay::ReplayBody;
use crate::control::{concurrency, health};
use crate::response::failure;

pin_project! {
    /// The future of [`Fallback`](super::Fallback).
    #[must_use = "futures do nothing unless polled"]
    pub struct FallbackFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        state: State<S::Future>,
        // `None` where there is nothing else to try.
        again: Option<Box<Again<S, B, R>>>,
    }
}

struct Again<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
{
    service: S,
    work: Work<B>,
    /// The response of the step that is being judged.
    judging: Option<Box<Judging<R>>>,
    // Boxed, for of most requests nothing comes but the first response.
    last: Option<Box<Last<R>>>,
    /// Why the last step gave none.
    error: Option<S::Error>,
    next: Option<Box<Request<ReplayBody<B>>>>,
}

/// The last response that was no answer, and whose it was.
struct Last<R> {
    response: Response<JudgedBody<R>>,
    step: usize,
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling { #[pin] call: F },
        // A response that says success is read until it is known whether that is true.
        Judging,
        // The body is read for its model.
        Seeking,
        Readying,
    }
}

impl<S, B, R> FallbackFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
{
    pub(super) fn once(call: S::Future) -> Self {
        Self { state: State::Calling { call }, again: None }
    }

    pub(super) fn new(call: S::Future, service: S, mut work: Work<B>) -> Self {
        work.called();
        let again = Again { service, work, judging: None, last: None, error: None, next: None };
        Self { state: State::Calling { call }, again: Some(Box::new(again)) }
    }
}

impl<S, B, R> Future for FallbackFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<JudgedBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(again) = this.again.as_mut()
            && let Some(last) = &mut again.last
        {
            last.response.body_mut().read_what_is_there(cx);
        }
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Calling { call } => {
                    let result = ready!(call.poll(cx));
                    let Some(again) = this.again.as_mut() else {
                        return Poll::Ready(result.map(|response| response.map(JudgedBody::new)));
                    };
                    if failure::is_refused(&result) {
                        again.work.refused();
                        return Poll::Ready(result.map(|response| response.map(JudgedBody::new)));
                    }
                    match result {
                        Ok(response) => {
                            again.work.ended(Ok(response.status()));
                            match again.look_at(response, cx) {
                                ControlFlow::Continue(next) => next,
                                ControlFlow::Break(response) => return Poll::Ready(Ok(response)),
                            }
                        }
                        Err(error) => {
                            let failure = failure::of_any(&error);
                            again.work.ended(Err(failure));
                            let leads_on = judge::leads_on(failure) && again.work.may_go_on();
                            again.error = Some(error);
                            if leads_on {
                                State::Seeking
                            } else {
                                return again.give_up();
                            }
                        }
                    }
                }
                StateProjection::Judging => {
                    let Some(again) = this.again.as_mut() else { return Poll::Pending };
                    match ready!(again.poll_judged(cx)) {
                        Some(response) => return Poll::Ready(Ok(response)),
                        None => State::Seeking,
                    }
                }
                StateProjection::Seeking => {
                    let Some(again) = this.again.as_mut() else { return Poll::Pending };
                    ready!(again.work.poll_look(cx));
                    again.next = again.work.next().map(Box::new);
                    if again.next.is_none() {
                        return again.give_up();
                    }
                    State::Readying
                }
                StateProjection::Readying => {
                    let Some(again) = this.again.as_mut() else { return Poll::Pending };
                    if let Err(error) = ready!(again.service.poll_ready(cx)) {
                        again.error = Some(error);
                        return again.give_up();
                    }
                    let Some(request) = again.next.take() else { return Poll::Pending };
                    let call = again.service.call(*request);
                    again.work.called();
                    State::Calling { call }
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, B, R> Again<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    /// The response is an answer and is given back, or it leads to something else.
    fn look_at(
        &mut self,
        mut response: Response<R>,
        cx: &mut Context<'_>,
    ) -> ControlFlow<Response<JudgedBody<R>>, State<S::Future>> {
        // A retry may have read it already.
        let verdict = response.extensions_mut().remove::<Verdict>();
        let is_failure = match verdict {
            Some(verdict) => verdict != Verdict::Answer,
            None => judge::is_failure(response.status()),
        };
        if is_failure {
            if !self.work.may_go_on() {
                return ControlFlow::Break(response.map(JudgedBody::new));
            }
            self.keep(response.map(JudgedBody::judged), cx);
            return ControlFlow::Continue(State::Seeking);
        }
        let is_suspect = verdict.is_none() && Judging::may_judge(&response);
        // Nothing is held back where it is known that there is nothing else.
        if is_suspect && self.work.may_go_on_as_far_as_known(cx) {
            match Judging::new(response, self.work.plan.shape()) {
                Ok(mut judging) => {
                    return match judging.poll(cx) {
                        Poll::Ready(verdict) => match self.judged(judging, verdict, cx) {
                            Some(answer) => ControlFlow::Break(answer),
                            None => ControlFlow::Continue(State::Seeking),
                        },
                        Poll::Pending => {
                            self.judging = Some(Box::new(judging));
                            ControlFlow::Continue(State::Judging)
                        }
                    };
                }
                Err(as_it_is) => response = as_it_is,
            }
        }
        ControlFlow::Break(response.map(JudgedBody::new))
    }

    /// The response, if it is an answer after all.
    fn poll_judged(&mut self, cx: &mut Context<'_>) -> Poll<Option<Response<JudgedBody<R>>>> {
        let Some(judging) = &mut self.judging else { return Poll::Ready(None) };
        let verdict = ready!(judging.poll(cx));
        let Some(judging) = self.judging.take() else { return Poll::Ready(None) };
        Poll::Ready(self.judged(*judging, verdict, cx))
    }

    fn judged(
        &mut self,
        judging: Judging<R>,
        verdict: Verdict,
        cx: &mut Context<'_>,
    ) -> Option<Response<JudgedBody<R>>> {
        let response = judging.into_response();
        if verdict == Verdict::Answer {
            return Some(response);
        }
        self.keep(response, cx);
        None
    }
    /// It may be handed on yet, when the request that it answers has been broken off: what comes of
    /// it meanwhile is kept, up to a bound.
    fn keep(&mut self, mut response: Response<JudgedBody<R>>, cx: &mut Context<'_>) {
        response.body_mut().read_what_is_there(cx);
        // What is tried next may need them.
        concurrency::let_go(&mut response);
        health::let_go(&mut response);
        self.last = Some(Box::new(Last { response, step: self.work.step }));
    }

    /// Nothing else can be tried: the last response there was, or else the last error.
    fn give_up(&mut self) -> Poll<Result<Response<JudgedBody<R>>, S::Error>> {
        if let Some(last) = self.last.take() {
            self.work.set_step(last.step);
            return Poll::Ready(Ok(last.response));
        }
        self.error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }
}

impl<S, B, R> fmt::Debug for FallbackFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackFuture").finish_non_exhaustive()
    }
}
