//! One request, tried step by step.

use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::work::Work;
use crate::control::classify::CallClass;
use crate::control::judge::{self, Given, JudgedBody, Verdict};
use crate::control::replay::ReplayBody;
use crate::control::{attempt, call};
use crate::response::failure;

/// The last response that is no answer, handed on if no other step has one.
struct Last<R> {
    response: Response<JudgedBody<R>>,
    step: usize,
}

/// Tries the steps in their order until one is handed on. `first`: the call of the first step.
pub(super) async fn try_steps<S, B, R>(
    first: S::Future,
    mut service: S,
    mut work: Work<B>,
) -> Given<R, S::Error>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    let (mut result, mut last) = (first.await, None);
    loop {
        let mut best = match work.look_at(result, last).await {
            ControlFlow::Continue(best) => best,
            ControlFlow::Break(given) => return given,
        };
        beside(best.as_mut().ok(), |cx| work.poll_look(cx)).await;
        let Some(request) = work.next() else { return work.hand_on(best) };
        if let Err(error) = beside(best.as_mut().ok(), |cx| service.poll_ready(cx)).await {
            return work.hand_on(best.or(Err(error)));
        }
        let mut call = pin!(work.call(&mut service, request));
        result = beside(best.as_mut().ok(), |cx| call.as_mut().poll(cx)).await;
        last = best.ok();
    }
}

impl<B> Work<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// What is handed on where a step has ended, or what is if no other step has an answer.
    async fn look_at<R, E>(
        &mut self,
        result: Result<Response<R>, E>,
        mut last: Option<Last<R>>,
    ) -> ControlFlow<Given<R, E>, Result<Last<R>, E>>
    where
        E: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        if attempt::report_end(self.plan.context(), &result) {
            return ControlFlow::Break(judge::as_it_is(result));
        }
        let mut response = match result {
            Ok(response) => response,
            Err(error) => {
                let class = self.rule.failure(failure::of_any(&error));
                let leads_on = class >= CallClass::Elsewhere && self.may_go_on();
                let best = last.ok_or(error);
                return match leads_on {
                    true => ControlFlow::Continue(best),
                    false => ControlFlow::Break(self.hand_on(best)),
                };
            }
        };
        // A retry may have read it already.
        let verdict = response.extensions_mut().remove::<Verdict>();
        let is_failure = match verdict {
            Some(verdict) => verdict != Verdict::Answer,
            None => {
                let class = self.rule.response(response.status(), response.headers());
                class >= CallClass::Elsewhere
            }
        };
        if is_failure {
            return match self.may_go_on() {
                true => ControlFlow::Continue(Ok(self.put_aside(response.map(JudgedBody::judged)))),
                false => ControlFlow::Break(Ok(response.map(JudgedBody::new))),
            };
        }
        let is_suspect = verdict.is_none() && judge::may_be_error(&response);
        // Nothing is held back where it is known that there is nothing else.
        let as_far_as_known = poll_fn(|cx| Poll::Ready(self.may_go_on_as_far_as_known(cx)));
        if !is_suspect || !as_far_as_known.await {
            return ControlFlow::Break(Ok(response.map(JudgedBody::new)));
        }
        let mut reading = pin!(judge::read_beginning(response, self.plan.shape()));
        match beside(last.as_mut(), |cx| reading.as_mut().poll(cx)).await {
            (response, None | Some(Verdict::Answer)) => ControlFlow::Break(Ok(response)),
            (response, Some(_)) => ControlFlow::Continue(Ok(self.put_aside(response))),
        }
    }

    fn put_aside<R>(&self, mut response: Response<JudgedBody<R>>) -> Last<R> {
        // What is tried next may need what the response holds.
        call::let_go(&mut response);
        Last { response, step: self.step }
    }

    /// Nothing else can be tried.
    fn hand_on<R, E>(&mut self, best: Result<Last<R>, E>) -> Given<R, E> {
        best.map(|last| {
            self.set_step(last.step);
            last.response
        })
    }
}

/// Awaits `poll`, and meanwhile keeps what comes of the response that may yet be handed on: its
/// connection may end when the request that it answers is dropped.
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
