//! What one step of a request claims, and what it is expected to use.

use std::time::{Duration, SystemTime};

use http::Request;

use super::Limits;
use crate::context::GatewayContext;
use crate::control::limits::asked::{Asked, media_of, tokens_of};
use crate::control::limits::counters::Subject;
use crate::control::limits::estimate::Tokens;
use crate::control::limits::exceeded::LimitExceeded;
use crate::control::limits::reservation::Reservation;
use crate::control::limits::state::{Expected, Steps};
use crate::control::limits::store::{Claim, ReservationId};
use crate::control::limits::window::capacity;
use crate::json::trail::Place;
use crate::routing::{self, Reach};
use crate::settings::limits::{Measure, OnUnknownPrice};
use crate::settings::{canonical_model, shared_place};
use crate::usage::{self, Billing, Pricing, Usage};

/// How long an estimate counts if nobody settles it.
const LEASE: Duration = Duration::from_secs(15 * 60);

/// What one step claims.
pub(super) struct Question {
    pub(super) step: u32,
    pub(super) id: ReservationId,
    /// The number of the rule of each claim.
    pub(super) rules: Vec<usize>,
    pub(super) claims: Vec<Claim>,
}

impl Limits {
    /// What the current step claims in addition to what the exchange holds.
    pub(super) fn question<B>(
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
        // A `model` at the top of the body has an effect only where a session is set up.
        if later.is_some_and(|reach| reach != Reach::Inside(Place::Setup)) {
            asked.model =
                context.model_in_path(None).map(|model| canonical_model(&model).into_owned());
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
            // A request larger than the whole limit waits until nothing else counts.
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
                    // A step that needs more than those before it claims the difference.
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
                // An answer that is fetched was checked when it was ordered.
                is_shadow: rule.is_shadow || !is_call,
            });
        }
        for number in self.shared.board.missing(&question.claims) {
            let rule = &rules.rules[question.rules[number]];
            let place = shared_place(settings.scope, context.account(), context.gateway());
            if let Ok(values) = subject.shown(rule) {
                self.shared.board.add(rule, place, &question.claims[number], values);
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

    /// What the current step is expected to use, and its price, if that is known.
    fn expected(
        &self,
        context: &GatewayContext,
        asked: &Asked,
        is_call: bool,
    ) -> (Expected, Option<u64>) {
        let model = asked.model.clone().unwrap_or_default();
        let provider = context.provider().unwrap_or_default();
        let (has_input, has_output) = tokens_of(context.operation(), context.call_path());
        let settings = context.settings();
        // Prices are looked up only if a rule counts money.
        let is_priced = settings.is_some_and(|settings| settings.limits.prices);
        if !is_call || !has_input {
            let media = media_of(context.operation(), asked.bytes).filter(|_| is_call && is_priced);
            let cost = media.and_then(|usage| cost(context, &model, &usage));
            // What cannot be estimated passes with any room.
            let input_cost = cost.unwrap_or(0);
            return (Expected { model, input_cost, ..Expected::default() }, Some(input_cost));
        }
        let estimates = &self.shared.estimates;
        let scope = settings.map_or(0, |settings| settings.scope);
        let mut tokens = estimates.of((scope, provider, &model), asked.bytes, asked.max_tokens);
        if !has_output {
            tokens.output = 0;
        }
        let cost = |tokens: Tokens| {
            let (input_uncached, output_visible) = (Some(tokens.input), Some(tokens.output));
            let usage = Usage { input_uncached, output_visible, ..Usage::default() };
            if is_priced { cost(context, &model, &usage) } else { None }
        };
        let (input_cost, all) = match cost(Tokens { output: 0, ..tokens }).zip(cost(tokens)) {
            Some((input, all)) => (input, Some(all)),
            None => (0, None),
        };
        let output_cost = all.unwrap_or_default().saturating_sub(input_cost);
        (Expected { model, tokens, input_cost, output_cost }, all)
    }
}

/// Returns true if a successful response may report billed usage, or is the order of a billed
/// answer.
fn is_billed(context: &GatewayContext) -> bool {
    let call = usage::Call {
        method: context.method(),
        operation: context.operation(),
        kind: context.provider_kind().unwrap_or_default(),
        rest: context.call_path(),
        status: http::StatusCode::OK,
    };
    usage::billing(&call) != Billing::Never || call.is_order()
}

/// The reach of a call whose models run later: in a batch, an eval, or a session that it sets up.
fn runs_later(context: &GatewayContext) -> Option<Reach> {
    let reach = routing::read_path(context.provider_path()).reach;
    (context.is_call() && matches!(reach, Reach::Hidden | Reach::Inside(_))).then_some(reach)
}

/// The price of this usage, in ticks; `None` if it is unknown.
fn cost(context: &GatewayContext, model: &str, usage: &Usage) -> Option<u64> {
    let observation = context.observation()?;
    let pricing = Pricing {
        provider: context.provider().unwrap_or_default(),
        kind: context.provider_kind(),
        model,
        asked: None,
        serves_asked: false,
        operation: context.operation(),
        path: context.call_path(),
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
    let cost = usage::cost(Some(usage), &[], custom, &observation.prices, &pricing)?;
    Some(cost.ticks)
}
