//! What one exchange has reserved and used so far, under each rule.

use super::estimate::Tokens;
use super::store::{Claim, Counter, ReservationId, Standing};
use super::window::capacity;
use crate::context::reserved::AnswerUsage;
use crate::settings::limits::{LimitRule, Measure};

/// What an exchange has reserved, and what is known of it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The steps that their rules have let pass.
    pub(super) checked: Steps,
    /// The steps that have reached their provider.
    pub(super) sent: Steps,
    /// The step whose call is under way.
    pub(super) under_way: Option<u32>,
    /// The step of each call that had no answer in time. Its provider may bill it.
    pub(super) unanswered: Vec<u32>,
    pub(super) groups: Vec<Group>,
    /// What is known of each rule that was asked.
    pub(super) notes: Vec<Note>,
    /// What was expected of the steps.
    pub(super) expected: Vec<(u32, Expected)>,
    pub(super) has_ended: bool,
    pub(super) answer: Answer,
}

/// What is known of an answer that may outlive its exchange.
#[derive(Debug, Default)]
pub(super) enum Answer {
    #[default]
    UnderWay,
    /// Its exchange is over, and the answer is not. `request_bytes`: the length of the request
    /// body; 0 if unknown.
    Awaited { request_bytes: u64 },
    /// It is complete, and its exchange is not over.
    Ended(Option<AnswerUsage>),
}

/// A set of numbers of steps; those beyond the 64th count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps(u64);

/// What was reserved at once.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: ReservationId,
    pub(super) at: u64,
    /// It was reserved in the local store, because the other one had failed.
    pub(super) is_local: bool,
    pub(super) held: Vec<HeldClaim>,
}

/// What is held of one rule.
#[derive(Debug)]
pub(super) struct HeldClaim {
    /// Its number among those of the gateway.
    pub(super) rule: usize,
    pub(super) claim: Claim,
    /// The steps that it is for; none if it is a supplement to an earlier one of the same counter.
    pub(super) steps: Steps,
}

/// How a rule stood when it was asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Note {
    pub(super) rule: usize,
    pub(super) standing: Standing,
    pub(super) is_exceeded: bool,
    pub(super) is_price_unknown: bool,
    pub(super) has_store_failed: bool,
}

/// What a step is expected to use.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) model: String,
    pub(super) tokens: Tokens,
    /// What the input costs, in ticks.
    pub(super) input_cost: u64,
    /// What the expected output costs, in ticks.
    pub(super) output_cost: u64,
}

/// What is expected of a step of which nothing is known.
pub(super) static UNKNOWN: Expected = Expected {
    model: String::new(),
    tokens: Tokens { input: 0, output: 0 },
    input_cost: 0,
    output_cost: 0,
};

impl Steps {
    pub(super) fn one(step: u32) -> Self {
        Self(1 << step.min(63))
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl State {
    /// Records that the rules of a step let its call pass.
    pub(super) fn pass(&mut self, step: u32) {
        self.checked.add(Steps::one(step));
        self.under_way = Some(step);
    }

    /// The exchange ended before it reserved anything, and its call goes on for others.
    pub(super) fn end_before(&mut self) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.answer = Answer::Awaited { request_bytes: 0 };
        }
    }

    /// The note on a rule, added if there is none.
    pub(super) fn note(&mut self, rule: usize) -> &mut Note {
        let at = self.notes.iter().position(|note| note.rule == rule).unwrap_or_else(|| {
            self.notes.push(Note { rule, ..Note::default() });
            self.notes.len() - 1
        });
        &mut self.notes[at]
    }

    pub(super) fn expected(&self, step: u32) -> Option<&Expected> {
        let found = self.expected.iter().rev().find(|(number, _)| *number == step);
        found.map(|(_, expected)| expected)
    }

    /// The expected usage of the unanswered calls of these steps.
    pub(super) fn unanswered_by(&self, rule: &LimitRule, steps: Steps) -> u64 {
        let own = self.unanswered.iter().filter(|step| steps.meets(Steps::one(**step)));
        let amounts = own.filter_map(|step| Some(self.expected(*step)?.most(rule)));
        amounts.fold(0, u64::saturating_add)
    }

    /// What is held of a rule's counter, and for which steps; `None` if nothing is.
    pub(super) fn held_of(&mut self, rule: usize, counter: Counter) -> Option<(u64, &mut Steps)> {
        let all = self.groups.iter_mut().flat_map(|group| &mut group.held);
        let own = all.filter(|held| held.rule == rule && held.claim.counter == counter);
        own.fold(None, |sum, held| match sum {
            None => Some((held.claim.amount, &mut held.steps)),
            Some((amount, steps)) => Some((amount.saturating_add(held.claim.amount), steps)),
        })
    }
}

impl Expected {
    /// What a rule reserves, at most its whole limit: a larger request waits until nothing else
    /// counts.
    pub(super) fn most(&self, rule: &LimitRule) -> u64 {
        self.amount(rule).min(capacity(rule.window, rule.amount))
    }

    fn amount(&self, rule: &LimitRule) -> u64 {
        let tokens = self.cut(rule, 0, None);
        amount(rule.measure, tokens, || Some(self.cost_with(tokens.output))).unwrap_or_default()
    }

    /// The usage of an answer that broke off. `output`: an estimate by its events, if there is one.
    pub(super) fn cut(&self, rule: &LimitRule, content_events: u64, output: Option<u64>) -> Tokens {
        // The client bounds its output, but each event has at least one token.
        let most = self.tokens.output.min(rule.max_output).max(content_events);
        Tokens { output: output.map_or(most, |output| output.min(most)), ..self.tokens }
    }

    /// What it costs with so much output, in ticks.
    pub(super) fn cost_with(&self, output: u64) -> u64 {
        self.input_cost.saturating_add(share(self.output_cost, output, self.tokens.output))
    }

    /// What so many tokens cost at the expected prices, in ticks.
    pub(super) fn cost_of(&self, Tokens { input, output }: Tokens) -> u64 {
        let input = share(self.input_cost, input, self.tokens.input);
        input.saturating_add(share(self.output_cost, output, self.tokens.output))
    }
}

/// What some tokens cost if all of them cost `cost`.
fn share(cost: u64, tokens: u64, all: u64) -> u64 {
    let share = u128::from(cost) * u128::from(tokens) / u128::from(all.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// What so many tokens count; `None` if the measure is money and the price is unknown.
pub(super) fn amount(
    measure: Measure,
    Tokens { input, output }: Tokens,
    cost: impl FnOnce() -> Option<u64>,
) -> Option<u64> {
    match measure {
        Measure::Requests => Some(1),
        Measure::InputTokens => Some(input),
        Measure::OutputTokens => Some(output),
        Measure::Tokens => Some(input.saturating_add(output)),
        Measure::Cost => cost(),
    }
}
