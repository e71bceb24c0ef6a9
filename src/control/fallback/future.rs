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

use super::body::FallbackBody;
use super::judge;
use super::plan::BodyModel;
use super::work::Work;
use crate::control::replay::ReplayBody;
use crate::control::{concurrency, health};
use crate::failure;

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
    judged: Option<Judged<R>>,
    // Boxed, for of most requests nothing comes but the first response.
    last: Option<Box<Last<R>>>,
    /// Why the last step gave none.
    error: Option<S::Error>,
    next: Option<Box<Request<ReplayBody<B>>>>,
}

/// The last response that was no answer, and whose it was.
struct Last<R> {
    response: Response<FallbackBody<R>>,
    step: usize,
}

/// A response that may be an error.
struct Judged<R> {
    head: http::response::Parts,
    body: FallbackBody<R>,
    /// How much of it is ahead.
    read: usize,
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
        let again = Again { service, work, judged: None, last: None, error: None, next: None };
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
    type Output = Result<Response<FallbackBody<R>>, S::Error>;

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
                        return Poll::Ready(result.map(|response| response.map(FallbackBody::new)));
                    };
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
                    let work = &mut again.work;
                    if work.must_look() {
                        let frames = ready!(work.original.tape().poll_whole(cx));
                        let model = frames.map(|frames| BodyModel::of(&frames));
                        work.model = Some(model.unwrap_or(BodyModel::Unclear));
                    }
                    again.next = work.next().map(Box::new);
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
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    /// The response is an answer and is given back, or it leads to something else.
    fn look_at(
        &mut self,
        response: Response<R>,
        cx: &mut Context<'_>,
    ) -> ControlFlow<Response<FallbackBody<R>>, State<S::Future>> {
        if judge::is_failure(response.status()) {
            if !self.work.may_go_on() {
                return ControlFlow::Break(response.map(FallbackBody::new));
            }
            self.keep(response.map(FallbackBody::judged), cx);
            return ControlFlow::Continue(State::Seeking);
        }
        let is_suspect = judge::may_hide_an_error(response.status(), response.headers())
            && response.body().size_hint().lower() <= judge::LONGEST_ERROR as u64;
        if is_suspect && self.work.may_go_on() {
            let (head, body) = response.map(FallbackBody::judged).into_parts();
            self.judged = Some(Judged { head, body, read: 0 });
            return ControlFlow::Continue(State::Judging);
        }
        ControlFlow::Break(response.map(FallbackBody::new))
    }

    /// The response, if it is an answer after all.
    fn poll_judged(&mut self, cx: &mut Context<'_>) -> Poll<Option<Response<FallbackBody<R>>>> {
        let Some(judged) = &mut self.judged else { return Poll::Ready(None) };
        let mut is_failure = false;
        while judged.read <= judge::LONGEST_ERROR {
            match ready!(judged.body.poll_ahead(cx)) {
                Some(length) => judged.read += length,
                None => {
                    let operation = self.work.plan.operation();
                    is_failure =
                        judged.body.is_broken() || judge::is_error(judged.body.ahead(), operation);
                    break;
                }
            }
        }
        let Some(Judged { head, body, .. }) = self.judged.take() else { return Poll::Ready(None) };
        let response = Response::from_parts(head, body);
        if is_failure {
            self.keep(response, cx);
            return Poll::Ready(None);
        }
        Poll::Ready(Some(response))
    }

    /// It may be handed on yet, when the request that it answers has been broken off: what comes of
    /// it meanwhile is kept, up to a bound.
    fn keep(&mut self, mut response: Response<FallbackBody<R>>, cx: &mut Context<'_>) {
        response.body_mut().read_what_is_there(cx);
        // What is tried next may need them.
        concurrency::let_go(&mut response);
        health::let_go(&mut response);
        self.last = Some(Box::new(Last { response, step: self.work.step }));
    }

    /// Nothing else can be tried: the last response there was, or else the last error.
    fn give_up(&mut self) -> Poll<Result<Response<FallbackBody<R>>, S::Error>> {
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
