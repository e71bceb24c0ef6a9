//! Estimates how many tokens a request will use, from those of the same model before it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::control::bounded_map::{BoundedMap, Neutral};
use crate::usage::Usage;

/// The maximum number of known models.
const MODELS: usize = 4096;
/// Tokens per byte of a body, before the first answer.
const RATIO: f64 = 0.25;
/// The range of a ratio.
const RATIOS: (f64, f64) = (0.01, 4.0);
/// The weight of a new answer in the averages.
const WEIGHT: f64 = 0.125;
/// Tokens of output, before there are [`ENOUGH`] answers.
const OUTPUT: u64 = 4096;
/// The minimum number of tokens per event with content.
const PER_EVENT: f64 = 4.0;
/// The number of answers needed to estimate their length.
const ENOUGH: u32 = 8;
/// After so many answers, the older ones count half.
const MANY: u32 = 1024;
/// The number of length classes: two for each doubling, up to 2^24 tokens.
const STEPS: usize = 48;

/// What is known of each model, by gateway: the prompts of one gateway say nothing about those of
/// another.
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
    /// Tokens per byte of the request body.
    ratio: f64,
    /// Tokens of the average prompt.
    input: f64,
    answers: u32,
    /// The number of answers in each length class.
    lengths: [u16; STEPS],
    /// `None` until a stream was read to its end.
    stream: Option<Stream>,
}

/// What the output of a stream consists of. Both averages rise at once and fall slowly: otherwise a
/// client could make cheap streams first, and then break off expensive ones for little.
#[derive(Clone, Copy, Default)]
struct Stream {
    /// Tokens of reasoning that no event shows.
    hidden: f64,
    /// Tokens for each event with content.
    per_event: f64,
}

impl Tokens {
    /// What an answer reports.
    pub(super) fn of(usage: &Usage) -> Self {
        Self { input: usage.input().unwrap_or(0), output: usage.output().unwrap_or(0) }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self { ratio: RATIO, input: 0.0, answers: 0, lengths: [0; STEPS], stream: None }
    }
}

impl Default for Estimates {
    fn default() -> Self {
        Self(BoundedMap::strict(MODELS))
    }
}

impl Estimates {
    /// `bytes`: of the body; `None` if that is not known.
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

    /// The output of a stream that broke off after so many events; `None` if no stream of the model
    /// was read to its end yet.
    pub(super) fn broken_off(&self, model: (u64, &str, &str), content_events: u64) -> Option<u64> {
        let learnt = self.0.get(&model, Learnt::default);
        let stream = learnt.0.lock().unwrap_or_else(PoisonError::into_inner).stream?;
        let shown = stream.per_event.max(PER_EVENT) * content_events as f64;
        Some((stream.hidden + shown).ceil() as u64)
    }

    /// Learns from a whole answer. `bytes`: of the request body. `content_events`: 0 unless the
    /// answer is a stream.
    pub(super) fn learn(
        &self,
        model: (u64, &str, &str),
        bytes: u64,
        usage: &Usage,
        content_events: u64,
    ) {
        let (Some(input), Some(output)) = (usage.input(), usage.output()) else { return };
        if model.2.is_empty() {
            return;
        }
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
        if content_events > 0 {
            seen.stream.get_or_insert_default().learn(usage, output, content_events);
        }
        let step = step_of(output);
        seen.lengths[step] += 1;
        seen.answers += 1;
    }
}

impl Stream {
    fn learn(&mut self, usage: &Usage, output: u64, content_events: u64) {
        // Each event shows one token at least.
        let hidden = usage.reasoning.unwrap_or(0).min(output).saturating_sub(content_events);
        let shown = output - hidden;
        let rise = |old: f64, new: f64| new.max(old + WEIGHT * (new - old));
        self.hidden = rise(self.hidden, hidden as f64);
        self.per_event = rise(self.per_event, shown as f64 / content_events as f64);
    }
}

impl Seen {
    /// The length that nine of ten answers do not exceed.
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

/// The largest number of tokens in a length class.
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
            all.learn(MODEL, 1000, &usage(500, output), 0);
        }
        let tokens = all.of(MODEL, Some(2000), None);
        assert_eq!(tokens.input, 1000);
        assert!((100..130).contains(&tokens.output), "{tokens:?}");
        assert_eq!(all.of(MODEL, None, None).input, 500);
        assert_eq!(all.of((1, "grok", "other"), Some(2000), None).input, 500, "another model");
        assert_eq!(all.of((2, "grok", "grok-4"), Some(2000), None).input, 500, "another gateway");
        for _ in 0..5000 {
            all.learn(MODEL, 1000, &usage(500, 9000), 0);
        }
        assert!((9000..13_000).contains(&all.of(MODEL, None, None).output));
    }

    #[test]
    fn a_broken_stream_has_used_what_its_like_have_hidden() {
        let all = Estimates::default();
        assert_eq!(all.broken_off(MODEL, 3), None);
        all.learn(MODEL, 1000, &usage(500, 900), 0);
        assert_eq!(all.broken_off(MODEL, 3), None, "no stream");
        all.learn(MODEL, 1000, &usage(500, 10), 10);
        assert_eq!((all.broken_off(MODEL, 0), all.broken_off(MODEL, 3)), (Some(0), Some(12)));
        // Reasoning that is reported apart was there before the first event.
        let reasoned = Usage { reasoning: Some(1010), ..usage(500, 50) };
        all.learn(MODEL, 1000, &reasoned, 10);
        assert_eq!((all.broken_off(MODEL, 0), all.broken_off(MODEL, 10)), (Some(1000), Some(1060)));
        // Where it is not, each event stands for more.
        all.learn((1, "anthropic", "m"), 1000, &usage(500, 1000), 10);
        assert_eq!(all.broken_off((1, "anthropic", "m"), 2), Some(200));
        // Reasoning that is shown is in the events.
        all.learn((1, "grok", "m"), 1000, &Usage { reasoning: Some(90), ..usage(500, 10) }, 100);
        assert_eq!(all.broken_off((1, "grok", "m"), 2), Some(8));
    }

    #[test]
    fn cheap_streams_do_not_soon_make_dear_ones_cheap() {
        let all = Estimates::default();
        all.learn(MODEL, 1000, &usage(500, 1000), 10);
        for _ in 0..5 {
            all.learn(MODEL, 1000, &usage(500, 10), 10);
        }
        let after = all.broken_off(MODEL, 10).unwrap();
        assert!((500..600).contains(&after), "{after}");
        all.learn(MODEL, 1000, &usage(500, 1000), 10);
        assert_eq!(all.broken_off(MODEL, 10), Some(1000));
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
