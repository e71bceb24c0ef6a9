//! What one exchange has reserved and used so far, under each rule.

use super::estimate::Tokens;
use super::store::{Claim, ReservationId, Standing};
use crate::context::reserved::{Spent, Told, Used};
use crate::settings::limits::{LimitRule, Measure};

/// How many tokens an event with content stands for, where nobody has told the usage.
const TOKENS_PER_EVENT: u64 = 4;

/// What one exchange holds, and what it has found out.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The steps whose rules have let them pass.
    pub(super) checked: Steps,
    /// The steps that have reached their provider.
    pub(super) sent: Steps,
    /// The step whose call is under way.
    pub(super) under_way: Option<u32>,
    pub(super) groups: Vec<Group>,
    /// What is known of each rule that had a say.
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
    /// Its exchange is over. How long the request body was.
    Awaited { request_bytes: u64 },
    /// It is at its end, and its exchange is not.
    Came(Option<Told>),
}

/// A set of numbers of steps; those beyond the 64th count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps(u64);

/// What was reserved at once.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: ReservationId,
    pub(super) at: u64,
    /// In the local store, for the other one had failed.
    pub(super) is_local: bool,
    pub(super) held: Vec<Held>,
}

/// What is held of one rule.
#[derive(Debug)]
pub(super) struct Held {
    /// Its number among those of the gateway.
    pub(super) rule: usize,
    pub(super) claim: Claim,
    /// Those that it is for.
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
    /// What the output costs that is expected.
    pub(super) output_cost: u64,
}

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
    /// The rules of a step let its call pass.
    pub(super) fn pass(&mut self, step: u32) {
        self.checked.add(Steps::one(step));
        self.under_way = Some(step);
    }

    /// What is known of this rule from now on.
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
}

/// What a rule's part of an exchange has come to; an error where it counts money, and the price is not
/// known. `step`: the one that has answered, or was tried last.
pub(super) fn spent(
    rule: &LimitRule,
    held: &Held,
    sent: Steps,
    step: u32,
    expected: &Expected,
    spent: &Spent<'_>,
) -> Result<u64, PriceUnknown> {
    if rule.measure == Measure::Requests {
        return Ok(u64::from(held.steps.meets(sent)));
    }
    if !held.steps.meets(Steps::one(step)) || !sent.meets(Steps::one(step)) {
        // Its steps have failed.
        return Ok(0);
    }
    match spent.used {
        Used::Nothing => Ok(0),
        Used::Unknown | Used::Later => Ok(held.claim.amount),
        Used::Beginning { content_events } => Ok(expected.beginning(rule, content_events)),
        Used::Told { usage, cost, is_whole, content_events } => {
            let least = match is_whole {
                true => Expected::default(),
                false => expected.cut(rule, content_events),
            };
            let input = usage.input().unwrap_or(least.tokens.input);
            let output = usage.output().unwrap_or(0).max(least.tokens.output);
            match rule.measure {
                Measure::InputTokens => Ok(input),
                Measure::OutputTokens => Ok(output),
                Measure::Cost => match cost {
                    Some(cost) => Ok(cost.ticks.max(least.cost())),
                    None if is_whole => Err(PriceUnknown),
                    None => Ok(least.cost()),
                },
                _ => Ok(input.saturating_add(output)),
            }
        }
    }
}

/// Nobody knows what it has cost.
#[derive(Debug)]
pub(super) struct PriceUnknown;

impl Expected {
    /// What a rule reserves. `max_output` is the rule's.
    pub(super) fn amount(&self, rule: &LimitRule) -> u64 {
        match rule.measure {
            Measure::Requests => 1,
            Measure::InputTokens => self.tokens.input,
            Measure::OutputTokens => self.tokens.output.min(rule.max_output),
            Measure::Cost => self
                .input_cost
                .saturating_add(self.output_cost_of(self.tokens.output.min(rule.max_output))),
            _ => self.tokens.input.saturating_add(self.tokens.output.min(rule.max_output)),
        }
    }

    /// What an answer counts that has broken off.
    fn beginning(&self, rule: &LimitRule, content_events: u64) -> u64 {
        let cut = self.cut(rule, content_events);
        match rule.measure {
            Measure::InputTokens => cut.tokens.input,
            Measure::OutputTokens => cut.tokens.output,
            Measure::Cost => cut.cost(),
            _ => cut.tokens.input.saturating_add(cut.tokens.output),
        }
    }

    /// The same with so much less output.
    fn cut(&self, rule: &LimitRule, content_events: u64) -> Self {
        let seen = content_events.saturating_mul(TOKENS_PER_EVENT);
        // The client says how much it wants at most; each event has at least one token all the same.
        let most = self.tokens.output.min(rule.max_output).max(content_events);
        let output = seen.min(most);
        let tokens = Tokens { input: self.tokens.input, output };
        let output_cost = self.output_cost_of(output);
        Self { model: String::new(), tokens, input_cost: self.input_cost, output_cost }
    }

    fn cost(&self) -> u64 {
        self.input_cost.saturating_add(self.output_cost)
    }

    fn output_cost_of(&self, output: u64) -> u64 {
        let all = u128::from(self.tokens.output.max(1));
        let share = u128::from(self.output_cost) * u128::from(output) / all;
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}
