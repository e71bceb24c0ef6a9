//! The state of a request that may be sent again.

use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use http::{Request, StatusCode};
use tokio::time::Instant;
use tower::retry::budget::Budget as _;
use tower_service::Service;

use super::budget::Budgets;
use super::decision::{Attempt, decide};
use super::{RetrySettings, payer};
use crate::TARGET;
use crate::context::GatewayContext;
use crate::control::classify::{CallClass, Rule};
use crate::control::replay::{RecordedRequest, ReplayBody};
use crate::control::timeout::HandedDown;
use crate::control::{attempt, verdict};
use crate::exchange::usage_option;
use crate::exchange::usage_option::AddedOption;
use crate::hook::Failure;
use crate::response::failure;
use crate::usage::Shape;
use crate::util::operation::Operation;
use crate::util::redact::shown;

pub(super) struct RetryState<B> {
    recorded: Arc<RecordedRequest<B>>,
    settings: RetrySettings,
    rule: Rule,
    budgets: Arc<Budgets>,
    pub(super) context: Option<GatewayContext>,
    attempts: u8,
    /// The last attempt was not made because its key cools down, and the next one has waited for it.
    pub(super) has_waited: bool,
    /// The option that may be refused; `None` once the request is sent without it.
    added: Option<AddedOption>,
    /// A fallback above uses the verdict instead of reading the response again.
    pub(super) tells_verdict: bool,
    /// The option was refused, and the current attempt is without it.
    is_without: bool,
}

impl<B> RetryState<B> {
    pub(super) fn new(
        recorded: Arc<RecordedRequest<B>>,
        settings: RetrySettings,
        rule: Rule,
        budgets: Arc<Budgets>,
        context: Option<GatewayContext>,
        tells_verdict: bool,
    ) -> Self {
        let may_be_refused = context.as_ref().is_some_and(GatewayContext::may_be_refused);
        let added = || recorded.head.extension::<AddedOption>().cloned();
        let added = may_be_refused.then(added).flatten();
        Self {
            recorded,
            settings,
            rule,
            budgets,
            context,
            attempts: 0,
            has_waited: false,
            added,
            is_without: false,
            tells_verdict,
        }
    }

    /// Makes the call of an attempt.
    pub(super) fn call<S>(&mut self, service: &mut S, request: Request<ReplayBody<B>>) -> S::Future
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        self.attempts += 1;
        attempt::call(self.context.as_ref(), service, request)
    }

    /// The request to send again.
    pub(super) fn request(&self) -> Request<ReplayBody<B>> {
        let mut request = self.recorded.request();
        if self.settings.max_attempts > 1 {
            verdict::mark_classified(&mut request, self.context.as_ref());
        }
        request
    }

    /// Returns true if the request must be sent again without the option that asks for usage: a
    /// provider that has never accepted the option may have refused the request because of it.
    pub(super) fn drops_option(&mut self, status: StatusCode) -> bool {
        if self.is_without {
            self.is_without = false;
            if status.is_success() {
                self.learn();
            }
        }
        if !usage_option::may_be_refused(status) || !self.recorded.is_replayable() {
            return false;
        }
        let Some(added) = self.added.take() else { return false };
        let Some(place) = added.place().filter(|place| self.recorded.has(place.start)) else {
            return false;
        };
        added.mark_sent(false);
        self.recorded = self.recorded.without(place);
        self.is_without = true;
        // It does not count as an attempt, and goes to the same place as the first one.
        self.attempts -= 1;
        if let Some(conversation) = self.context.as_ref().and_then(GatewayContext::conversation) {
            conversation.forgets_last();
        }
        true
    }

    /// Remembers that the provider answers only without the option.
    fn learn(&self) {
        let Some(context) = &self.context else { return };
        let Some(upstream) = context.upstream() else { return };
        let added = self.recorded.head.extension::<AddedOption>();
        let model = context.routed_model().or_else(|| added?.model()).unwrap_or_default();
        tracing::info!(
            target: TARGET,
            provider = upstream.slug(),
            model = &*shown(model),
            "it refuses requests for the usage of streams, so none are made for a while"
        );
        upstream.usage_option().refuse(model);
    }

    /// The format of the response.
    pub(super) fn shape(&self) -> Shape {
        match &self.context {
            Some(context) => context.shape(),
            None => Operation::of(self.recorded.head.uri().path().trim_start_matches('/')).into(),
        }
    }

    /// Returns true if there may be another attempt.
    pub(super) fn may_go_on(&self) -> bool {
        self.attempts < self.settings.max_attempts && self.recorded.is_replayable()
    }

    /// The delay before the next attempt, if there is one.
    pub(super) fn decide(&self, attempt: Attempt<'_>) -> Option<Duration> {
        let is_first = self.attempts == 1;
        let delay = decide(&self.settings, &self.rule, self.attempts, attempt, fastrand::f64);
        let Some(delay) = delay.filter(|delay| self.has_time_for(*delay)) else {
            if is_first && let Some(origin) = self.origin() {
                self.budgets.of_origin(origin).deposit();
            }
            return None;
        };
        if !self.recorded.is_replayable() {
            return None;
        }
        if !self.is_paid(attempt) {
            let origin = self.origin().map(Authority::as_str);
            tracing::info!(target: TARGET, origin, "no retry: its budget is used up");
            return None;
        }
        tracing::debug!(target: TARGET, attempts = self.attempts, ?delay, "sending again");
        Some(delay)
    }

    fn origin(&self) -> Option<&Authority> {
        self.recorded.head.uri().authority()
    }

    /// Returns true if the budget that pays for a retry is not used up.
    fn is_paid(&self, attempt: Attempt<'_>) -> bool {
        let may_be_callers = payer::may_be_callers(attempt);
        let context = self.context.as_ref().filter(|_| may_be_callers);
        let caller = context.and_then(|context| {
            payer::caller(&self.budgets, attempt, &self.recorded.request(), context)
        });
        match caller {
            Some(caller) => {
                // No answer earns it a retry, so the failed requests do.
                if self.attempts == 1 {
                    caller.deposit();
                }
                caller.withdraw()
            }
            None => self.origin().is_none_or(|origin| self.budgets.of_origin(origin).withdraw()),
        }
    }

    /// Returns true if this is the error of a call that the gateway itself did not make. It says less
    /// than the result of the call before it.
    pub(super) fn was_not_made<E: 'static>(&self, error: &E) -> bool {
        let failure = failure::of_any(error);
        let is_of_connection = matches!(failure, Failure::Connect | Failure::ConnectTimeout);
        failure.is_before_sending()
            && !is_of_connection
            && failure::refusal_of_any(error).is_none()
            && self.rule.failure(failure) != CallClass::Retry
    }

    /// Does not count an attempt that was not made.
    pub(super) fn take_back(&mut self) {
        self.attempts -= 1;
        attempt::take_back(self.context.as_ref());
    }

    /// How long to wait for a key that cools down, once for each attempt; `None` to give up.
    pub(super) fn wait_for_key<E: 'static>(&mut self, error: &E) -> Option<Duration> {
        let cools = failure::of_any(error) == Failure::CoolingDown;
        if !cools || std::mem::replace(&mut self.has_waited, true) {
            return None;
        }
        let wait = failure::as_error(error).and_then(failure::retry_after)?;
        (wait <= self.settings.max_retry_after && self.has_time_for(wait)).then_some(wait)
    }

    /// Returns true if the exchange is not over after this delay.
    fn has_time_for(&self, delay: Duration) -> bool {
        let bounds = self.recorded.head.extension::<HandedDown>();
        let Some(total) = bounds.and_then(|bounds| bounds.total) else { return true };
        Instant::now().checked_add(delay).is_some_and(|start| start < total.until)
    }
}
