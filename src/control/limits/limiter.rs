//! Asks the rules of a gateway whether a call may be made.

mod question;

use std::any::Any;
use std::sync::Arc;

use http::Request;

use self::question::Question;
use super::exceeded::LimitExceeded;
use super::handle::LimitsHandle;
use super::memory::MemoryStore;
use super::reservation::Reservation;
use super::shared::Shared;
use super::state::{Group, HeldClaim, Steps};
use super::store::{Decision, LimitStore, LimitStoreError};
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::settings::limits::{LimitRule, OnStoreFailure};

/// Asks the rules of a gateway whether a call may be made.
#[derive(Clone, Debug)]
pub(in crate::control) struct Limits {
    shared: Arc<Shared>,
    pub(in crate::control) writes_fields: bool,
}

/// Whether a call may be made.
pub(in crate::control) enum Checked {
    Passed,
    Refused(Box<LimitExceeded>),
    /// The store must be waited for.
    Later(Box<Asking>),
}

/// A question to a store that answers in its own time.
pub(in crate::control) struct Asking {
    limits: Limits,
    store: Arc<dyn LimitStore>,
    context: GatewayContext,
    question: Question,
}

impl Limits {
    /// Limits that are counted in this process.
    pub(in crate::control) fn local() -> Self {
        Self::with(None, Arc::default())
    }

    pub(in crate::control) fn of(store: impl LimitStore) -> Self {
        let mut store = Some(store);
        let any: &mut dyn Any = &mut store;
        if let Some(memory) = any.downcast_mut::<Option<MemoryStore>>().and_then(Option::take) {
            return Self::with(None, Arc::new(memory));
        }
        if let Some(memory) = any.downcast_mut::<Option<Arc<MemoryStore>>>().and_then(Option::take)
        {
            return Self::with(None, memory);
        }
        Self::with(store.map(|store| Arc::new(store) as Arc<dyn LimitStore>), Arc::default())
    }

    pub(in crate::control) fn handle(&self) -> LimitsHandle {
        LimitsHandle::new(self.shared.clone())
    }

    fn with(store: Option<Arc<dyn LimitStore>>, local: Arc<MemoryStore>) -> Self {
        Self { shared: Arc::new(Shared::new(store, local)), writes_fields: false }
    }

    /// Decides whether this call may be made. A step that has passed once is not asked again.
    #[inline]
    pub(in crate::control) fn check<B>(
        &self,
        request: &Request<B>,
        context: Option<&GatewayContext>,
    ) -> Checked {
        match context {
            Some(context) if context.is_limited() => self.check_rules(request, context),
            _ => Checked::Passed,
        }
    }

    #[inline(never)]
    fn check_rules<B>(&self, request: &Request<B>, context: &GatewayContext) -> Checked {
        context.acts(Actor::Usage);
        let reservation = Reservation::of(context, &self.shared, self.writes_fields);
        let Some(reservation) = reservation else { return Checked::Passed };
        let step = context.step();
        {
            let mut state = reservation.state();
            if state.checked.meets(Steps::one(step)) {
                state.under_way = Some(step);
                return Checked::Passed;
            }
            state.under_way = None;
        }
        let question = match self.question(request, context, reservation, step) {
            Ok(question) => question,
            Err(exceeded) => return Checked::Refused(Box::new(exceeded)),
        };
        if question.claims.is_empty() {
            reservation.state().pass(step);
            return Checked::Passed;
        }
        match &self.shared.store {
            None => {
                let decision = self.shared.local.reserve_now(&question.claims);
                match self.decided(context, reservation, &question, &decision, false) {
                    Ok(()) => Checked::Passed,
                    Err(exceeded) => Checked::Refused(Box::new(exceeded)),
                }
            }
            Some(store) => {
                let (limits, store, context) = (self.clone(), store.clone(), context.clone());
                Checked::Later(Box::new(Asking { limits, store, context, question }))
            }
        }
    }

    /// Keeps what was granted, or says which rule has no room.
    fn decided(
        &self,
        context: &GatewayContext,
        reservation: &Reservation,
        question: &Question,
        decision: &Decision,
        is_local: bool,
    ) -> Result<(), LimitExceeded> {
        let rules = context.settings().map_or(&[][..], |settings| &settings.limits.rules);
        let step = Steps::one(question.step);
        let is_shadow = |number: usize| {
            let rule = question.rules.get(number).and_then(|number| rules.get(*number));
            rule.is_some_and(|rule| rule.is_shadow)
        };
        self.shared.board.decided(&question.claims, decision, is_shadow);
        let mut state = reservation.state();
        for (number, standing) in question.rules.iter().zip(&decision.standings) {
            let note = state.note(*number);
            note.standing = *standing;
            note.is_exceeded |= standing.is_exceeded;
        }
        if decision.is_granted {
            let pairs = question.rules.iter().zip(&question.claims);
            let held = pairs.map(|(rule, claim)| {
                // A supplement for a larger step has no steps of its own: the earlier claim has
                // them.
                let is_more = state.held_of(*rule, claim.counter).is_some();
                let steps = if is_more { Steps::default() } else { step };
                HeldClaim { rule: *rule, claim: *claim, steps }
            });
            let (id, at, held) = (question.id, decision.at, held.collect());
            state.groups.push(Group { id, at, is_local, held });
            state.pass(question.step);
            return Ok(());
        }
        drop(state);
        let all = question.rules.iter().zip(&question.claims).zip(&decision.standings);
        let without_room = all.filter_map(|((number, claim), standing)| {
            let is_final = standing.is_exceeded && !claim.is_shadow;
            is_final.then_some((rules.get(*number)?, claim, standing))
        });
        let all_lead_elsewhere = without_room.clone().all(|(rule, ..)| rule.leads_elsewhere());
        match without_room.max_by_key(|(.., standing)| standing.retry_after) {
            Some((rule, claim, standing)) => {
                Err(LimitExceeded::new(rule, claim, standing, all_lead_elsewhere))
            }
            // The store has refused, but names no rule without room.
            None => Ok(()),
        }
    }

    /// Does what each rule says for a store that does not answer.
    fn failed(
        &self,
        context: &GatewayContext,
        reservation: &Reservation,
        question: &Question,
    ) -> Result<(), LimitExceeded> {
        let rules = context.settings().map_or(&[][..], |settings| &settings.limits.rules);
        for number in &question.rules {
            reservation.state().note(*number).has_store_failed = true;
        }
        self.shared.board.store_failed(&question.claims);
        let own = |number: &usize| rules.get(*number);
        let is_closed =
            |rule: &&LimitRule| rule.on_store_failure == OnStoreFailure::Closed && !rule.is_shadow;
        if context.is_call()
            && let Some(rule) = question.rules.iter().filter_map(own).find(is_closed)
        {
            return Err(LimitExceeded::no_store(rule));
        }
        let is_local =
            |rule: &LimitRule| rule.on_store_failure == OnStoreFailure::Local || rule.is_shadow;
        let pairs = question.rules.iter().copied().zip(question.claims.iter().copied());
        let (rules, claims) = pairs.filter(|(number, _)| own(number).is_some_and(is_local)).unzip();
        let question = Question { step: question.step, id: question.id, rules, claims };
        if question.claims.is_empty() {
            reservation.state().pass(question.step);
            return Ok(());
        }
        let decision = self.shared.local.reserve_now(&question.claims);
        self.decided(context, reservation, &question, &decision, true)
    }
}

impl Asking {
    /// Asks the store.
    pub(in crate::control) async fn decide(self: Box<Self>) -> Result<(), LimitExceeded> {
        let Self { limits, store, context, question } = *self;
        let answer = store.reserve(question.id, &question.claims).await;
        let answer = match answer {
            Ok(decision) if decision.standings.len() == question.claims.len() => Ok(decision),
            Ok(_) => Err(LimitStoreError::Unavailable("it has not answered for each claim".into())),
            Err(error) => Err(error),
        };
        limits.shared.store_answered(answer.as_ref().err());
        let reservation = Reservation::of(&context, &limits.shared, limits.writes_fields);
        let Some(reservation) = reservation else { return Ok(()) };
        match answer {
            Ok(decision) => limits.decided(&context, reservation, &question, &decision, false),
            Err(_) => limits.failed(&context, reservation, &question),
        }
    }
}
