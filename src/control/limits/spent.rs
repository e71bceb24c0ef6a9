//! What an exchange that is over counts under each rule.

use super::estimate::Tokens;
use super::state::{Expected, Group, HeldClaim, State, Steps, UNKNOWN, amount};
use super::store::{Claim, ReservationId};
use crate::context::reserved::Used;
use crate::settings::limits::{LimitRule, Measure};
use crate::usage::{Cost, Usage};

/// An exchange that is over.
pub(super) struct Ended<'a> {
    pub(super) state: &'a State,
    /// The step that has answered, or was tried last.
    pub(super) step: u32,
    pub(super) used: Used<'a>,
    /// The output of an answer that broke off; `None` if it is unknown.
    pub(super) output: Option<u64>,
}

/// What counts in place of what was held of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// The answer's part of it.
    pub(super) answer: u64,
    /// The part of earlier calls that had no answer.
    pub(super) unanswered: u64,
    /// The rule counts money, and the price of the answer is unknown.
    pub(super) is_price_unknown: bool,
}

/// What counts under one rule for an answer that was ordered.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) id: ReservationId,
    pub(super) at: u64,
    /// It was reserved in the local store, because the other one had failed.
    pub(super) is_local: bool,
    pub(super) measure: Measure,
    /// The claim as it counts now, without a lease.
    pub(super) claim: Claim,
    /// The answer's part of that.
    pub(super) answer: u64,
    /// What was expected of the answer.
    pub(super) expected: Tokens,
}

impl Part {
    pub(super) fn sum(self) -> u64 {
        self.answer.saturating_add(self.unanswered)
    }
}

impl Ended<'_> {
    /// What counts in place of what was held of a rule.
    pub(super) fn part(&self, rule: &LimitRule, held: &HeldClaim) -> Part {
        if rule.measure == Measure::Requests {
            let was_sent = held.steps.meets(self.state.sent);
            return Part { answer: u64::from(was_sent), ..Part::default() };
        }
        let unanswered = self.state.unanswered_by(rule, held.steps);
        match self.answer(rule, held) {
            Some(answer) => Part { answer, unanswered, is_price_unknown: false },
            None => Part { answer: self.at_least(rule), unanswered, is_price_unknown: true },
        }
    }

    /// What a whole answer of unknown price counts: the estimate, or what its tokens usually cost if
    /// that is more. Otherwise any client could ask for a tier or a tool that has no price.
    fn at_least(&self, rule: &LimitRule) -> u64 {
        let expected = self.expected();
        let usual = match self.used {
            Used::Reported { usage, .. } => {
                expected.cost_of(completed(usage, expected.cut(rule, 0, None)))
            }
            _ => 0,
        };
        expected.most(rule).max(usual)
    }

    /// What counts for an answer that was ordered, until it is fetched.
    pub(super) fn counted(&self, rules: &[LimitRule], groups: &[Group]) -> Vec<Counted> {
        let mut all = Vec::new();
        for Group { id, at, is_local, held } in groups {
            for held in held {
                let Some(rule) = rules.get(held.rule) else { continue };
                let is_of_order = held.steps.meets(Steps::one(self.step));
                if rule.measure == Measure::Requests || !is_of_order {
                    continue;
                }
                let part = self.part(rule, held);
                let claim = Claim { amount: part.sum(), lease: None, ..held.claim };
                let (id, at, is_local) = (*id, *at, *is_local);
                let (measure, answer) = (rule.measure, part.answer);
                let expected = self.expected().cut(rule, 0, None);
                all.push(Counted { id, at, is_local, measure, claim, answer, expected });
            }
        }
        all
    }

    /// What was expected of the step that has answered.
    fn expected(&self) -> &Expected {
        self.state.expected(self.step).unwrap_or(&UNKNOWN)
    }

    /// The answer's part; `None` if the rule counts money and the price is unknown.
    fn answer(&self, rule: &LimitRule, held: &HeldClaim) -> Option<u64> {
        let step = Steps::one(self.step);
        if !held.steps.meets(step) || !self.state.sent.meets(step) {
            // Another step has answered, or the call was not sent.
            return Some(0);
        }
        let expected = self.expected();
        match self.used {
            // A fetched answer counts where it was ordered. Calls without an answer count apart.
            Used::Nothing | Used::Unanswered | Used::Fetched { .. } => Some(0),
            Used::Unknown | Used::Later | Used::Ordered { .. } => Some(expected.most(rule)),
            Used::Beginning { content_events } => {
                let seen = expected.cut(rule, content_events, self.output);
                amount(rule.measure, seen, || Some(expected.cost_with(seen.output)))
            }
            Used::Reported { usage, cost, is_whole: true, .. } => {
                reported(rule.measure, usage, cost, expected.cut(rule, 0, None))
            }
            Used::Reported { usage, cost, is_whole: false, content_events } => {
                let seen = expected.cut(rule, content_events, self.output);
                let input = usage.input().unwrap_or(seen.input);
                let output = usage.output().unwrap_or(0).max(seen.output);
                let reported = cost.map_or(0, |cost| cost.ticks);
                let cost = || Some(reported.max(expected.cost_with(seen.output)));
                amount(rule.measure, Tokens { input, output }, cost)
            }
        }
    }
}

/// What the usage of a whole answer counts; `None` if the measure is money and the price is unknown.
pub(super) fn reported(
    measure: Measure,
    usage: &Usage,
    cost: Option<Cost>,
    expected: Tokens,
) -> Option<u64> {
    amount(measure, completed(usage, expected), || cost.map(|cost| cost.ticks))
}

/// The tokens of a usage. What it does not tell follows from its total, or else is as expected.
fn completed(usage: &Usage, expected: Tokens) -> Tokens {
    let total = usage.total_reported;
    let rest = |part: u64| total.map(|total| total.saturating_sub(part));
    match (usage.input(), usage.output()) {
        (Some(input), Some(output)) => Tokens { input, output },
        (Some(input), None) => Tokens { input, output: rest(input).unwrap_or(expected.output) },
        (None, Some(output)) => Tokens { input: rest(output).unwrap_or(expected.input), output },
        (None, None) => match total {
            // The call has no output.
            Some(total) if expected.output == 0 => Tokens { input: total, output: 0 },
            Some(total) => {
                let input = expected.input.min(total);
                Tokens { input, output: total - input }
            }
            None => expected,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Tokens = Tokens { input: 100, output: 4096 };

    fn usage(input: Option<u64>, output: Option<u64>, total: Option<u64>) -> Usage {
        Usage {
            input_uncached: input,
            output_visible: output,
            total_reported: total,
            ..Usage::default()
        }
    }

    #[test]
    fn what_a_usage_does_not_tell_is_as_expected() {
        for (told, tokens) in [
            ((Some(10), Some(20), Some(30)), (10, 20)),
            ((Some(10), Some(20), Some(99)), (10, 20)),
            ((Some(10), None, None), (10, 4096)),
            ((Some(10), None, Some(10)), (10, 0)),
            ((None, Some(20), None), (100, 20)),
            ((None, Some(20), Some(50)), (30, 20)),
            ((None, None, Some(700)), (100, 600)),
            ((None, None, Some(70)), (70, 0)),
            ((None, None, None), (100, 4096)),
        ] {
            let found = completed(&usage(told.0, told.1, told.2), EXPECTED);
            assert_eq!((found.input, found.output), tokens, "{told:?}");
        }
        let of_input = Tokens { output: 0, ..EXPECTED };
        let found = completed(&usage(None, None, Some(700)), of_input);
        assert_eq!(found, Tokens { input: 700, output: 0 }, "embeddings");
    }
}
