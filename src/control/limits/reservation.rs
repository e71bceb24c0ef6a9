//! What an exchange has reserved, from its first call to its end.

use std::any::Any;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, StatusCode};

use super::fields;
use super::orders::Order;
use super::report::report;
use super::shared::Shared;
use super::spent::Ended;
use super::state::{Answer, Group, Note, State, Steps};
use super::store::Settlement;
use crate::context::GatewayContext;
use crate::context::reserved::{AnswerUsage, LimitReport, Reserved, Spent, Used};
use crate::hook::Failure;
use crate::settings::limits::{LimitRule, Measure};

/// What an exchange has reserved. Settled once: at the end of the exchange, or else when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    shared: Arc<Shared>,
    /// The response says what is left.
    writes_fields: bool,
    state: Mutex<State>,
}

impl Reservation {
    /// The reservation of an exchange, made if there is none.
    pub(super) fn of<'c>(
        context: &'c GatewayContext,
        shared: &Arc<Shared>,
        writes_fields: bool,
    ) -> Option<&'c Self> {
        let mut is_new = false;
        let make = || {
            is_new = true;
            let (shared, state) = (shared.clone(), Mutex::default());
            Box::new(Self { shared, writes_fields, state }) as Box<dyn Reserved>
        };
        let reservation: &Self = context.reserve(make).as_any().downcast_ref()?;
        if is_new {
            // Either this finds the end of the exchange, or the end finds the reservation.
            fence(Ordering::SeqCst);
            if context.has_ended() {
                reservation.state().end_before();
            }
        }
        Some(reservation)
    }

    fn known(context: &GatewayContext) -> Option<&Self> {
        context.reserved()?.as_any().downcast_ref()
    }

    /// No code of the host runs under the lock.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles all that is held. `spent` says how much of it was used.
    fn settle(&self, groups: &[Group], mut spent: impl FnMut(&super::state::HeldClaim) -> u64) {
        for group in groups {
            let mut settlements = Vec::with_capacity(group.held.len());
            for held in &group.held {
                let spent = spent(held);
                let settlement = Settlement { claim: held.claim, at: group.at, spent };
                if settlement.is_due() {
                    settlements.push(settlement);
                }
            }
            if !settlements.is_empty() {
                self.shared.settle(group.is_local, group.id, &settlements);
            }
        }
    }

    /// Settles all that is held, and reports how each rule stands then.
    fn close(&self, context: &GatewayContext, used: &Spent<'_>) -> Vec<LimitReport> {
        let over = State { has_ended: true, ..State::default() };
        let mut state = std::mem::replace(&mut *self.state(), over);
        if let Some(step) = state.under_way.take().filter(|_| !used.is_unsent) {
            state.sent.add(Steps::one(step));
            if matches!(used.used, Used::Unanswered) {
                state.unanswered.push(step);
            }
        }
        let (groups, mut notes) =
            (std::mem::take(&mut state.groups), std::mem::take(&mut state.notes));
        let (rules, step) = (rules(context), context.step());
        let model = state.expected(step).map_or("", |expected| &expected.model);
        let named = (scope(context), context.provider().unwrap_or_default(), model);
        let estimates = &self.shared.estimates;
        let mut output = None;
        match used.used {
            Used::Reported { usage, is_whole: true, content_events, .. } => {
                estimates.learn(named, used.request_bytes, usage, content_events);
            }
            Used::Reported { content_events, .. } | Used::Beginning { content_events } => {
                output = estimates.broken_off(named, content_events);
            }
            _ => {}
        }
        let ended = Ended { state: &state, step, used: used.used, output };
        let mut changes: Vec<(usize, u64, u64)> = Vec::with_capacity(notes.len());
        self.settle(&groups, |held| {
            let Some(rule) = rules.get(held.rule) else { return held.claim.amount };
            let part = ended.part(rule, held);
            if part.is_price_unknown
                && let Some(note) = notes.iter_mut().find(|note| note.rule == held.rule)
            {
                note.is_price_unknown = true;
            }
            changes.push((held.rule, held.claim.amount, part.sum()));
            part.sum()
        });
        match used.used {
            Used::Ordered { order: Some(order) } => {
                let counted = ended.counted(rules, &groups);
                if !counted.is_empty() {
                    self.shared.orders.add(order, Order::new(named, used.request_bytes, counted));
                }
            }
            Used::Fetched { order: Some(order), usage: Some(usage), cost } => {
                self.shared.fetched(order, usage, cost);
            }
            _ => {}
        }
        Self::reports(rules, &notes, &changes)
    }

    /// `changes`: a rule, what was reserved under it, and what was used.
    fn reports(
        rules: &[LimitRule],
        notes: &[Note],
        changes: &[(usize, u64, u64)],
    ) -> Vec<LimitReport> {
        let reports = notes.iter().filter_map(|note| {
            let own = changes.iter().filter(|(number, ..)| *number == note.rule);
            let used = own.fold(note.standing.used, |used, (_, reserved, spent)| {
                used.saturating_sub(*reserved).saturating_add(*spent)
            });
            Some(report(rules.get(note.rule)?, note, used))
        });
        reports.collect()
    }
}

/// What a call has used that failed, or whose answer has ended.
fn spent_by(answer: Option<&AnswerUsage>, request_bytes: u64) -> Spent<'_> {
    let used = match answer {
        Some(AnswerUsage::Nothing | AnswerUsage::Unsent) => Used::Nothing,
        Some(AnswerUsage::Unanswered) => Used::Unanswered,
        Some(AnswerUsage::Reported { usage, cost, content_events }) => {
            let (cost, content_events) = (*cost, *content_events);
            Used::Reported { usage, cost, is_whole: true, content_events }
        }
        None => Used::Unknown,
    };
    Spent { is_unsent: matches!(answer, Some(AnswerUsage::Unsent)), used, request_bytes }
}

fn scope(context: &GatewayContext) -> u64 {
    context.settings().map_or(0, |settings| settings.scope)
}

fn rules(context: &GatewayContext) -> &[LimitRule] {
    context.settings().map_or(&[], |settings| &settings.limits.rules)
}

impl Reserved for Reservation {
    fn end(&self, context: &GatewayContext, used: &Spent<'_>) -> Vec<LimitReport> {
        let ended_before = {
            let mut state = self.state();
            if std::mem::replace(&mut state.has_ended, true) {
                return Vec::new();
            }
            match (used.used, std::mem::take(&mut state.answer)) {
                (Used::Later, Answer::Ended(usage)) => Some(usage),
                (Used::Later, _) => {
                    state.answer = Answer::Awaited { request_bytes: used.request_bytes };
                    return Self::reports(rules(context), &state.notes, &[]);
                }
                _ => None,
            }
        };
        match &ended_before {
            Some(usage) => self.close(context, &spent_by(usage.as_ref(), used.request_bytes)),
            None => self.close(context, used),
        }
    }

    fn answer_ended(&self, context: &GatewayContext, usage: Option<AnswerUsage>) {
        let request_bytes = {
            let mut state = self.state();
            let Answer::Awaited { request_bytes } = state.answer else {
                state.answer = Answer::Ended(usage);
                return;
            };
            state.answer = Answer::UnderWay;
            request_bytes
        };
        self.close(context, &spent_by(usage.as_ref(), request_bytes));
    }

    fn write_fields(&self, context: &GatewayContext, headers: &mut HeaderMap) {
        if !self.writes_fields {
            return;
        }
        let rules = rules(context);
        let state = self.state();
        // The rule with the smallest share left.
        let share = |note: &&Note| {
            let left = rules.get(note.rule).map(|rule| fields::share_left(rule, &note.standing));
            left.unwrap_or(u128::MAX)
        };
        let is_shown = |rule: &LimitRule| !rule.is_shadow && rule.measure != Measure::Cost;
        let shown = state
            .notes
            .iter()
            .filter(|note| !note.has_store_failed && rules.get(note.rule).is_some_and(is_shown));
        if let Some(note) = shown.min_by_key(share)
            && let Some(rule) = rules.get(note.rule)
        {
            fields::write(rule, &note.standing, headers);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// If the exchange was not ended, all counts as it was reserved.
impl Drop for Reservation {
    fn drop(&mut self) {
        let groups = std::mem::take(&mut self.state().groups);
        self.settle(&groups, |held| held.claim.amount);
    }
}

/// Records whether the call of the current step is sent, or still waits.
pub(in crate::control) fn is_under_way(context: Option<&GatewayContext>, yes: bool) {
    if let Some(context) = context
        && let Some(reservation) = Reservation::known(context)
    {
        reservation.state().under_way = yes.then(|| context.step());
    }
}

/// Records how the call of the current step has ended: its status, or why there was no response.
pub(in crate::control) fn call_ended(
    context: &GatewayContext,
    result: Result<StatusCode, Failure>,
) {
    let Some(reservation) = Reservation::known(context) else { return };
    let mut state = reservation.state();
    let Some(step) = state.under_way.take() else { return };
    match result {
        Err(failure) if failure.is_before_sending() => return,
        Err(failure) if failure.is_late() => state.unanswered.push(step),
        // Its body is under way.
        Ok(status) if status.is_success() => state.under_way = Some(step),
        _ => {}
    }
    state.sent.add(Steps::one(step));
}
