//! Estimates how many tokens a request will use, from those of the same model before it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::control::bounded_map::{BoundedMap, Neutral};
use crate::usage::Usage;

/// How many models are known at most.
const MODELS: usize = 4096;
/// Tokens per byte of a body, until some were seen.
const RATIO: f64 = 0.25;
/// What a ratio can be.
const RATIOS: (f64, f64) = (0.01, 4.0);
/// How much one request changes what is known.
const WEIGHT: f64 = 0.125;
/// Tokens of output, until some were seen.
const OUTPUT: u64 = 4096;
/// How many answers it takes to tell how long they are.
const ENOUGH: u32 = 8;
/// After how many answers the older ones count half.
const MANY: u32 = 1024;
/// Two for each doubling, up to 2^24 tokens.
const STEPS: usize = 48;

/// What was seen of each model, by gateway: the prompts of one tell nothing of those of another.
#[derive(Debug)]
pub(super) struct Estimates(BoundedMap<Learnt>);

/// What a request will use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) output: u64,
}

#[derive(Default)]
struct Learnt(Mutex<Seen>);

struct Seen {
    /// Of tokens to bytes.
    ratio: f64,
    /// Tokens of the usual prompt.
    input: f64,
    answers: u32,
    /// How many answers were so long.
    lengths: [u16; STEPS],
}

impl Default for Seen {
    fn default() -> Self {
        Self { ratio: RATIO, input: 0.0, answers: 0, lengths: [0; STEPS] }
    }
}

impl Default for Estimates {
    fn default() -> Self {
        Self(BoundedMap::strict(MODELS))
    }
}

impl Estimates {
    /// `bytes`: of the body; `None` where that is not known.
    pub(super) fn of(
        &self,
        model: (u64, &str, &str),
        bytes: Option<u64>,
        max_tokens: Option<u64>,
    ) -> Tokens {
        let learnt = self.0.get(&model, Learnt::default);
        let seen = learnt.0.lock().unwrap_or_else(PoisonError::into_inner);
        let input = match bytes {
            Some(bytes) => bytes as f64 * seen.ratio,
            None => seen.input,
        };
        Tokens { input: input.ceil() as u64, output: max_tokens.unwrap_or_else(|| seen.output()) }
    }

    /// A whole answer has come to a body of so many bytes.
    pub(super) fn learn(&self, model: (u64, &str, &str), bytes: u64, usage: &Usage) {
        let (Some(input), Some(output)) = (usage.input(), usage.output()) else { return };
        let learnt = self.0.get(&model, Learnt::default);
        let mut seen = learnt.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = seen.answers == 0;
        let mix = |old: f64, new: f64| if is_first { new } else { old + WEIGHT * (new - old) };
        if bytes > 0 {
            let ratio = (input as f64 / bytes as f64).clamp(RATIOS.0, RATIOS.1);
            seen.ratio = mix(seen.ratio, ratio);
        }
        seen.input = mix(seen.input, input as f64);
        if seen.answers == MANY {
            for count in &mut seen.lengths {
                *count /= 2;
            }
            seen.answers = seen.lengths.iter().copied().map(u32::from).sum();
        }
        let step = step_of(output);
        seen.lengths[step] += 1;
        seen.answers += 1;
    }
}

impl Seen {
    /// What nine of ten answers stay below.
    fn output(&self) -> u64 {
        if self.answers < ENOUGH {
            return OUTPUT;
        }
        let mut rest = self.answers / 10;
        for (step, count) in self.lengths.iter().enumerate().rev() {
            match rest.checked_sub(u32::from(*count)) {
                Some(left) => rest = left,
                None => return longest_of(step),
            }
        }
        OUTPUT
    }
}

fn step_of(tokens: u64) -> usize {
    let tokens = tokens.clamp(1, 1 << 23);
    let doubling = tokens.ilog2();
    let is_upper = doubling > 0 && tokens >> (doubling - 1) & 1 == 1;
    doubling as usize * 2 + usize::from(is_upper)
}

/// The most tokens of a step.
fn longest_of(step: usize) -> u64 {
    let whole = 1_u64 << (step / 2);
    if step % 2 == 1 { 2 * whole - 1 } else { (whole + whole / 2).saturating_sub(1).max(whole) }
}

impl Neutral for Learnt {
    fn is_neutral(&self, _: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answers == 0
    }
}

impl fmt::Debug for Learnt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Learnt")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODEL: (u64, &str, &str) = (1, "grok", "grok-4");

    fn usage(input: u64, output: u64) -> Usage {
        Usage { input_uncached: Some(input), output_visible: Some(output), ..Usage::default() }
    }

    #[test]
    fn at_first_a_token_is_four_bytes_and_an_answer_is_long() {
        let all = Estimates::default();
        assert_eq!(all.of(MODEL, Some(401), None), Tokens { input: 101, output: 4096 });
        assert_eq!(all.of(MODEL, None, Some(7)), Tokens { input: 0, output: 7 });
    }

    #[test]
    fn it_learns_from_each_answer_of_the_model() {
        let all = Estimates::default();
        for number in 0..100 {
            let output = if number % 20 == 0 { 9000 } else { 100 };
            all.learn(MODEL, 1000, &usage(500, output));
        }
        let tokens = all.of(MODEL, Some(2000), None);
        assert_eq!(tokens.input, 1000);
        assert!((100..130).contains(&tokens.output), "{tokens:?}");
        assert_eq!(all.of(MODEL, None, None).input, 500);
        assert_eq!(all.of((1, "grok", "other"), Some(2000), None).input, 500, "another model");
        assert_eq!(all.of((2, "grok", "grok-4"), Some(2000), None).input, 500, "another gateway");
        for _ in 0..5000 {
            all.learn(MODEL, 1000, &usage(500, 9000));
        }
        assert!((9000..13_000).contains(&all.of(MODEL, None, None).output));
    }

    proptest! {
        #[test]
        fn an_answer_is_no_longer_than_its_step_says(tokens in 1_u64..1 << 23) {
            let step = step_of(tokens);
            prop_assert!(step < STEPS && tokens <= longest_of(step));
            prop_assert!(longest_of(step) <= tokens * 2);
            prop_assert!(step == 0 || longest_of(step - 1) <= longest_of(step));
        }
    }
}
