//! One request, as often as it is sent.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
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
use crate::control::judge::{self, JudgedBody, Judging, Verdict};
use crate::control::replay::{ReplayBody, Take};
use crate::exchange::asked::Asked;
use crate::exchange::usage_option;
use crate::hook::Failure;
use crate::response::failure;
use crate::usage::Shape;
use crate::util::operation::Operation;
use crate::util::redact::shown;

/// What is needed to send a request again.
pub(super) struct Work<B> {
    take: Arc<Take<B>>,
    settings: RetrySettings,
    budget: Option<Arc<TpsBudget>>,
    context: Option<GatewayContext>,
    attempts: u8,
    /// What may be refused of the request; `None` once it is sent without that.
    asked: Option<Asked>,
    /// A fallback above wants to know what has been read, and need not wait for it again.
    tells_verdict: bool,
    /// It was refused, and what is under way does without it.
    is_without: bool,
    /// Of the attempt that is under way, among all of its exchange; where one wants to know.
    told: Option<(u32, Instant)>,
}

impl<B> Work<B> {
    pub(super) fn new(
        take: Arc<Take<B>>,
        settings: RetrySettings,
        budget: Option<Arc<TpsBudget>>,
        context: Option<GatewayContext>,
        tells_verdict: bool,
    ) -> Self {
        let may_be_refused = context.as_ref().is_some_and(GatewayContext::may_be_refused);
        let asked = || take.head.extensions().get::<Asked>().cloned();
        let asked = may_be_refused.then(asked).flatten();
        let mut work = Self {
            take,
            settings,
            budget,
            context,
            attempts: 0,
            asked,
            is_without: false,
            tells_verdict,
            told: None,
        };
        work.begin();
        work
    }

    fn begin(&mut self) {
        self.attempts += 1;
        self.told = self.context.as_ref().map(GatewayContext::begin_attempt);
    }

    /// The request once more.
    fn request(&self) -> Request<ReplayBody<B>> {
        let mut request = self.take.request();
        if self.settings.max_attempts > 1 {
            judge::announce(&mut request, self.context.as_ref());
        }
        request
    }

    /// Whether the request is to be sent once more without the option that asks for usage: a
    /// provider that has never taken it may have refused the request for that.
    fn drops_option(&mut self, status: StatusCode) -> bool {
        if self.is_without {
            self.is_without = false;
            if status.is_success() {
                self.learn();
            }
        }
        if !usage_option::may_be_refused(status) || !self.take.is_replayable() {
            return false;
        }
        let Some(asked) = self.asked.take() else { return false };
        let Some(place) = asked.place().filter(|place| self.take.has(place.start)) else {
            return false;
        };
        asked.is_sent(false);
        self.take = self.take.without(place);
        self.is_without = true;
        // It is not one of the attempts that are counted.
        self.attempts -= 1;
        true
    }

    /// The provider answers without the option, and not with it.
    fn learn(&self) {
        let Some(context) = &self.context else { return };
        let Some(upstream) = context.upstream() else { return };
        let asked = self.take.head.extensions().get::<Asked>();
        let model = context.routed_model().or_else(|| asked?.model()).unwrap_or_default();
        tracing::info!(
            target: TARGET,
            provider = upstream.slug(),
            model = &*shown(model),
            "it refuses to be asked for the usage of streams, and is not asked for a while"
        );
        upstream.usage_option().refuse(model);
    }

    /// How the answer is written.
    fn shape(&self) -> Shape {
        match &self.context {
            Some(context) => context.shape(),
            None => Operation::of(self.take.head.uri().path().trim_start_matches('/')).into(),
        }
    }

    /// Whether there may be another attempt.
    fn may_go_on(&self) -> bool {
        self.attempts < self.settings.max_attempts && self.take.is_replayable()
    }

    /// An attempt has ended, by its head or by failing.
    fn ended(&self, result: Result<StatusCode, Failure>) {
        if let Some((context, (number, began))) = self.context.as_ref().zip(self.told) {
            context.attempt_ended(number, result, began.elapsed());
        }
    }

    /// A layer below has refused the attempt.
    fn refused(&self) {
        if let Some((context, (number, _))) = self.context.as_ref().zip(self.told) {
            context.uncount_attempt(number);
        }
    }

    /// After which time there is another attempt.
    fn decide(&self, attempt: Attempt<'_>) -> Option<Duration> {
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
    pub struct RetryFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        state: State<S::Future>,
        // `None` where the request is sent once, whatever comes of it.
        again: Option<Box<Again<S, B, R>>>,
    }
}

struct Again<S, B, R> {
    service: S,
    work: Work<B>,
    /// The response that is being judged.
    judging: Option<Box<Judging<R>>>,
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling { #[pin] call: F },
        // A response that says success is read until it is known whether that is true.
        Judging,
        Waiting { sleep: Pin<Box<Sleep>> },
        Readying,
    }
}

impl<S, B, R> RetryFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
{
    pub(super) fn once(call: S::Future) -> Self {
        Self { state: State::Calling { call }, again: None }
    }

    pub(super) fn new(call: S::Future, service: S, work: Work<B>) -> Self {
        let again = Box::new(Again { service, work, judging: None });
        Self { state: State::Calling { call }, again: Some(again) }
    }
}

impl<S, B, R> Future for RetryFuture<S, B, R>
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
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Calling { call } => {
                    let result = ready!(call.poll(cx));
                    let Some(again) = this.again.as_deref_mut() else {
                        return Poll::Ready(result.map(|response| response.map(JudgedBody::new)));
                    };
                    match again.look_at(result, cx) {
                        ControlFlow::Continue(next) => next,
                        ControlFlow::Break(result) => return Poll::Ready(result),
                    }
                }
                StateProjection::Judging => {
                    let Some(again) = this.again.as_deref_mut() else { return Poll::Pending };
                    match ready!(again.poll_judged(cx)) {
                        ControlFlow::Continue(next) => next,
                        ControlFlow::Break(response) => return Poll::Ready(Ok(response)),
                    }
                }
                StateProjection::Waiting { sleep } => {
                    ready!(sleep.as_mut().poll(cx));
                    State::Readying
                }
                StateProjection::Readying => {
                    let Some(Again { service, work, .. }) = this.again.as_deref_mut() else {
                        return Poll::Pending;
                    };
                    ready!(service.poll_ready(cx))?;
                    work.begin();
                    State::Calling { call: service.call(work.request()) }
                }
            };
            this.state.set(next);
        }
    }
}

/// What is handed on of an attempt.
type Given<S, B, R> =
    Result<Response<JudgedBody<R>>, <S as Service<Request<ReplayBody<B>>>>::Error>;

/// What is handed on, or what comes before another attempt.
type Next<S, B, T> = ControlFlow<T, State<<S as Service<Request<ReplayBody<B>>>>::Future>>;

impl<S, B, R> Again<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    S::Error: 'static,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    /// The call of an attempt has ended.
    fn look_at(
        &mut self,
        result: Result<Response<R>, S::Error>,
        cx: &mut Context<'_>,
    ) -> Next<S, B, Given<S, B, R>> {
        let work = &mut self.work;
        if failure::is_refused(&result) {
            work.refused();
            return ControlFlow::Break(result.map(|response| response.map(JudgedBody::new)));
        }
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let failure = failure::of_any(&error);
                work.ended(Err(failure));
                return match work.decide(Attempt::Failed(failure)) {
                    Some(delay) => ControlFlow::Continue(State::after(delay)),
                    None => ControlFlow::Break(Err(error)),
                };
            }
        };
        work.ended(Ok(response.status()));
        if work.drops_option(response.status()) {
            return ControlFlow::Continue(State::Readying);
        }
        let response = match Judging::may_judge(&response) && work.may_go_on() {
            true => match Judging::new(response, work.shape()) {
                Ok(mut judging) => {
                    return match judging.poll(cx) {
                        Poll::Ready(verdict) => self.judged(judging, verdict).map_break(Ok),
                        Poll::Pending => {
                            self.judging = Some(Box::new(judging));
                            ControlFlow::Continue(State::Judging)
                        }
                    };
                }
                Err(response) => response,
            },
            false => response,
        };
        // Its client service sees to the rest of a response that nobody reads.
        match work.decide(Attempt::Head(response.status(), response.headers())) {
            Some(delay) => ControlFlow::Continue(State::after(delay)),
            None => ControlFlow::Break(Ok(response.map(JudgedBody::new))),
        }
    }

    /// The response, unless it is an error that another attempt may not meet.
    fn poll_judged(&mut self, cx: &mut Context<'_>) -> Poll<Next<S, B, Response<JudgedBody<R>>>> {
        let Some(judging) = &mut self.judging else { return Poll::Pending };
        let verdict = ready!(judging.poll(cx));
        let Some(judging) = self.judging.take() else { return Poll::Pending };
        Poll::Ready(self.judged(*judging, verdict))
    }

    fn judged(&self, judging: Judging<R>, verdict: Verdict) -> Next<S, B, Response<JudgedBody<R>>> {
        let mut response = judging.into_response();
        let attempt = match verdict {
            Verdict::Error(class) => Attempt::Hidden(class, response.headers()),
            // What has begun to answer is not begun anew.
            Verdict::Answer | Verdict::Broken => {
                Attempt::Head(response.status(), response.headers())
            }
        };
        if let Some(delay) = self.work.decide(attempt) {
            return ControlFlow::Continue(State::after(delay));
        }
        if self.work.tells_verdict {
            response.extensions_mut().insert(verdict);
        }
        ControlFlow::Break(response)
    }
}

impl<F> State<F> {
    /// Another attempt, after that time.
    fn after(delay: Duration) -> Self {
        match delay.is_zero() {
            true => Self::Readying,
            false => Self::Waiting { sleep: Box::pin(sleep(delay)) },
        }
    }
}

impl<S, B, R> fmt::Debug for RetryFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").finish_non_exhaustive()
    }
}
