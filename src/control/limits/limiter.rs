//! Asks the rules of a gateway whether a call may be made.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Request;

use super::asked::{Asked, tokens_of};
use super::counters::Subject;
use super::estimate::Tokens;
use super::exceeded::LimitExceeded;
use super::handle::LimitsHandle;
use super::memory::MemoryStore;
use super::reservation::Reservation;
use super::shared::Shared;
use super::state::{Expected, Group, Held, Steps};
use super::store::{Claim, Decision, LimitStore, ReservationId, StoreError};
use super::window::capacity;
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::json::trail::Place;
use crate::routing::{self, Reach};
use crate::settings::limits::{LimitRule, Measure, OnStoreFailure, OnUnknownPrice};
use crate::settings::{canonical_model, shared_place};
use crate::usage::{self, Billing, Pricing, Usage};

/// How long an estimate counts where nobody settles it.
const LEASE: Duration = Duration::from_secs(15 * 60);

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

/// What one step claims.
struct Question {
    step: u32,
    id: ReservationId,
    /// Of each claim, the number of its rule.
    rules: Vec<usize>,
    claims: Vec<Claim>,
}

impl Limits {
    /// With a store of their own in this process.
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

    /// Whether this call may be made. One of a step that was let pass before may.
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

    /// What the current step claims beside what is held.
    fn question<B>(
        &self,
        request: &Request<B>,
        context: &GatewayContext,
        reservation: &Reservation,
        step: u32,
    ) -> Result<Question, LimitExceeded> {
        let mut question = Question {
            step,
            id: ReservationId(u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..))),
            rules: Vec::new(),
            claims: Vec::new(),
        };
        let (Some(settings), Some(upstream)) = (context.settings(), context.upstream()) else {
            return Ok(question);
        };
        let rules = &settings.limits;
        let is_call = context.is_call();
        let is_billed = is_billed(context);
        let is_metered = rules.meters && is_billed;
        if !is_call && !is_metered {
            return Ok(question);
        }
        let mut asked = match rules.reads_bodies {
            true => Asked::of(context, request.extensions()),
            false => Asked::default(),
        };
        let later = if rules.go_by_model { runs_later(context) } else { None };
        // Only there does a `model` at the top of the body have an effect.
        if later.is_some_and(|reach| reach != Reach::Inside(Place::Setup)) {
            asked.model = context.model_in_path(None).map(|model| canonical_model(&model));
        }
        let expected = match is_metered {
            true => Some(self.expected(context, &asked, is_call)),
            false => None,
        };
        // A batch runs models, and is billed later.
        let runs_model = is_billed || later.is_some();
        let subject = Subject::new(context, settings, upstream, &asked, runs_model, request);
        let mut unknown = Vec::new();
        for (number, rule) in rules.rules.iter().enumerate() {
            let is_for = match rule.measure {
                Measure::Requests => is_call,
                _ => is_metered,
            };
            if !is_for || !context.is_on_way_of(rule) || !subject.is_under(rule) {
                continue;
            }
            if matches!((rule.measure, &expected), (Measure::Cost, Some((_, None)))) {
                if rule.on_unknown_price == OnUnknownPrice::Refuse && !rule.is_shadow {
                    return Err(LimitExceeded::unknown_price(rule, asked.model.as_deref()));
                }
                unknown.push(number);
            }
            let counter = match subject.counter(rule) {
                Ok(counter) => counter,
                Err(_) => return Err(LimitExceeded::no_counter(rule)),
            };
            // What is larger than the whole limit waits until nothing else counts.
            let most = capacity(rule.window, rule.amount);
            let mut amount = match (rule.measure, &expected) {
                (Measure::Requests, _) => most.min(1),
                // The price is not known.
                (Measure::Cost, Some((_, None))) => 0,
                (_, Some((expected, _))) => expected.most(rule),
                (_, None) => 0,
            };
            {
                let mut state = reservation.state();
                if let Some((held, steps)) = state.held_of(number, counter) {
                    let earlier = *steps;
                    steps.add(Steps::one(step));
                    // A step that is larger than those before it needs more.
                    let unanswered = state.unanswered_by(rule, earlier);
                    amount = amount.saturating_add(unanswered).min(most).saturating_sub(held);
                    if rule.measure == Measure::Requests || amount == 0 {
                        continue;
                    }
                }
            }
            question.rules.push(number);
            question.claims.push(Claim {
                counter,
                window: rule.window,
                limit: rule.amount,
                amount,
                lease: (rule.measure != Measure::Requests).then_some(LEASE),
                // What is fetched was let pass when it was ordered.
                is_shadow: rule.is_shadow || !is_call,
            });
        }
        for number in self.shared.board.missing(&question.claims) {
            let rule = &rules.rules[question.rules[number]];
            let place = shared_place(settings.scope, context.account(), context.gateway());
            if let Ok(whom) = subject.whom(rule) {
                self.shared.board.add(rule, place, &question.claims[number], whom);
            }
        }
        let mut state = reservation.state();
        for number in unknown {
            state.note(number).is_price_unknown = true;
        }
        if let Some((expected, _)) = expected {
            state.expected.push((step, expected));
        }
        Ok(question)
    }

    /// What the current step is expected to use, and what that costs, as far as that is known.
    fn expected(
        &self,
        context: &GatewayContext,
        asked: &Asked,
        is_call: bool,
    ) -> (Expected, Option<u64>) {
        let model = asked.model.clone().unwrap_or_default();
        let provider = context.provider().unwrap_or_default();
        let (has_input, has_output) = tokens_of(context.operation());
        if !is_call || !has_input {
            // Nobody can tell: it has room where there is any.
            return (Expected { model, ..Expected::default() }, Some(0));
        }
        let estimates = &self.shared.estimates;
        let settings = context.settings();
        let scope = settings.map_or(0, |settings| settings.scope);
        let mut tokens = estimates.of((scope, provider, &model), asked.bytes, asked.max_tokens);
        if !has_output {
            tokens.output = 0;
        }
        // Prices are looked up where a rule counts money.
        let is_priced = settings.is_some_and(|settings| settings.limits.prices);
        let cost = |tokens| if is_priced { cost(context, &model, tokens) } else { None };
        let (input_cost, all) = match cost(Tokens { output: 0, ..tokens }).zip(cost(tokens)) {
            Some((input, all)) => (input, Some(all)),
            None => (0, None),
        };
        let output_cost = all.unwrap_or_default().saturating_sub(input_cost);
        (Expected { model, tokens, input_cost, output_cost }, all)
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
            let held = pairs.map(|(rule, claim)| Held {
                rule: *rule,
                claim: *claim,
                steps: step,
                is_more: state.held_of(*rule, claim.counter).is_some(),
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
            // A store that refuses for no reason.
            None => Ok(()),
        }
    }

    /// Does what each rule says where the store does not answer.
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
            Ok(_) => Err(StoreError::Unavailable("it has not answered for each claim".into())),
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

/// Whether a response with success may tell of usage that is billed, or orders what is.
fn is_billed(context: &GatewayContext) -> bool {
    let call = usage::Call {
        method: context.method(),
        operation: context.operation(),
        provider: context.provider().unwrap_or_default(),
        rest: context.provider_path(),
        status: http::StatusCode::OK,
    };
    usage::billing(&call) != Billing::Never || call.is_order()
}

/// What a call reaches whose models run later: in a batch, an eval, or a session that it sets up.
fn runs_later(context: &GatewayContext) -> Option<Reach> {
    let reach = routing::read_path(context.provider_path()).reach;
    (context.is_call() && matches!(reach, Reach::Hidden | Reach::Inside(_))).then_some(reach)
}

/// What so many tokens cost, in ticks; `None` where nobody knows.
fn cost(context: &GatewayContext, model: &str, tokens: Tokens) -> Option<u64> {
    let observation = context.observation()?;
    let usage = Usage {
        input_uncached: Some(tokens.input),
        output_visible: Some(tokens.output),
        ..Usage::default()
    };
    let pricing = Pricing {
        provider: context.provider().unwrap_or_default(),
        model,
        operation: context.operation(),
        path: context.provider_path(),
        service_tier: None,
        host: context.upstream().map_or("", |upstream| upstream.host_name(context.origin())),
        region: None,
        speed: None,
        image_size: None,
        image_quality: None,
        at: SystemTime::now(),
        batch: false,
    };
    let custom = context.directives().and_then(|directives| directives.custom_cost);
    let cost = usage::cost(Some(&usage), &[], custom, &observation.prices, &pricing)?;
    Some(cost.ticks)
}
