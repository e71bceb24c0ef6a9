//! The handles for the end of exchanges with the same labels.

use std::sync::OnceLock;

use metrics::{Counter, Gauge, Histogram, Label};

use super::labels::ErrorType;
use super::names::{self, label};
use super::register::{Register, with_label};
use crate::hook::{CacheStatus, EndEvent, Timings};
use crate::usage::metering::Metering;
use crate::usage::{CostSource, Usage};

/// The most that one exchange adds to a counter, 2^53. Counters wrap, and one absurd number from a
/// provider or client must not reset what others have counted.
const MOST: u64 = 1 << 53;

/// `Free` is the last.
const METERINGS: usize = Metering::Free as usize + 1;

/// Handles that not every exchange needs are made on first use, so that no series stays empty.
pub(super) struct Series {
    /// Provider, operation, models, and the gateway if it is a label.
    labels: Vec<Label>,
    ended: Counter,
    request_bytes: Counter,
    response_bytes: Counter,
    overhead: Histogram,
    later: Later,
    error: Option<ErrorType>,
}

/// Handles that are made on first use.
#[derive(Default)]
struct Later {
    duration: OnceLock<Histogram>,
    first_chunk: OnceLock<Histogram>,
    per_chunk: OnceLock<Histogram>,
    token_usage: [OnceLock<Histogram>; 2],
    tokens: [OnceLock<Counter>; 10],
    cost: [OnceLock<Counter>; 3],
    cost_unknown: OnceLock<Counter>,
    cache: [OnceLock<Counter>; 4],
    saved_tokens: [OnceLock<Counter>; 2],
    saved_cost: OnceLock<Counter>,
    metering: [OnceLock<Counter>; METERINGS],
    flagged: OnceLock<Counter>,
    streams: OnceLock<Gauge>,
}

impl Series {
    /// `place`: the labels of provider and operation. `code`: the provider's error code, if there
    /// is one.
    pub(super) fn new(
        register: &Register,
        end: &EndEvent<'_>,
        labels: Vec<Label>,
        place: Vec<Label>,
        code: Vec<Label>,
    ) -> Self {
        let error = ErrorType::of_end(end);
        let mut outcome = with_label(&labels, label::OUTCOME, end.outcome.as_str());
        outcome.extend(code);
        Self {
            ended: register.counter(names::ENDED, with_error(outcome, error)),
            request_bytes: register.counter(names::REQUEST_BYTES, labels.clone()),
            response_bytes: register.counter(names::RESPONSE_BYTES, labels.clone()),
            overhead: register.histogram(names::OVERHEAD, place),
            labels,
            later: Later::default(),
            error,
        }
    }

    pub(super) fn record(&self, register: &Register, end: &EndEvent<'_>) {
        self.ended.increment(1);
        self.request_bytes.increment(end.request_bytes);
        self.response_bytes.increment(end.response_bytes);
        self.overhead.record(end.timings.overhead);
        let counter = |cell: &OnceLock<Counter>, name, kind, value, amount: u64| {
            let make = || register.counter(name, with_label(&self.labels, kind, value));
            cell.get_or_init(make).increment(amount.min(MOST));
        };
        let plain = |cell: &OnceLock<Counter>, name, amount: u64| {
            let make = || register.counter(name, self.labels.clone());
            cell.get_or_init(make).increment(amount.min(MOST));
        };
        let histogram = |cell: &OnceLock<Histogram>, name, value: Option<_>| {
            if let Some(value) = value {
                let make = || register.histogram(name, self.labels.clone());
                cell.get_or_init(make).record::<std::time::Duration>(value);
            }
        };
        if end.attempts > 0 {
            let make =
                || register.histogram(names::DURATION, with_error(self.labels.clone(), self.error));
            self.later.duration.get_or_init(make).record(end.timings.total);
        }
        // A cache hit says nothing about the provider's speed.
        if !end.cache.is_some_and(CacheStatus::is_hit) {
            let Timings { to_first_token, inter_token, .. } = end.timings;
            histogram(&self.later.first_chunk, names::TIME_TO_FIRST_CHUNK, to_first_token);
            histogram(&self.later.per_chunk, names::TIME_PER_OUTPUT_CHUNK, inter_token);
        }
        if let Some(usage) = end.usage {
            self.record_tokens(register, usage);
        }
        if let Some(cost) = end.cost {
            let at = match cost.source {
                CostSource::Custom => Some(0),
                CostSource::Reported => Some(1),
                CostSource::Table { .. } => Some(2),
                // The cost is zero.
                CostSource::Cache => None,
            };
            if let Some(at) = at {
                let source = cost.source.as_str();
                counter(&self.later.cost[at], names::COST, label::COST_SOURCE, source, cost.ticks);
            }
        } else if end.is_cost_unknown() {
            plain(&self.later.cost_unknown, names::COST_UNKNOWN, 1);
        }
        if let Some(status) = end.cache {
            let (at, value) = match status {
                CacheStatus::Hit => (0, "hit"),
                CacheStatus::Miss => (1, "miss"),
                CacheStatus::Bypass => (2, "bypass"),
                CacheStatus::Stale => (3, "stale"),
            };
            counter(&self.later.cache[at], names::CACHE, label::CACHE_STATUS, value, 1);
        }
        if let Some(saved) = end.saved {
            let of = |tokens: fn(&Usage) -> Option<u64>| saved.usage.as_ref().and_then(tokens);
            let types = [("input", of(Usage::input)), ("output", of(Usage::output))];
            for (cell, (kind, tokens)) in self.later.saved_tokens.iter().zip(types) {
                if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
                    counter(cell, names::SAVED_TOKENS, label::TOKEN_TYPE, kind, tokens);
                }
            }
            if let Some(cost) = saved.cost.filter(|cost| cost.ticks > 0) {
                plain(&self.later.saved_cost, names::SAVED_COST, cost.ticks);
            }
        }
        if !end.flags.is_empty() {
            plain(&self.later.flagged, names::FLAGGED, 1);
        }
        // The gateway's own list of models has no usage.
        if end.is_answered() && (end.attempts > 0 || end.cache.is_some()) {
            let cell = &self.later.metering[end.metering as usize];
            counter(cell, names::METERING, label::METERING_RESULT, end.metering.as_str(), 1);
        }
    }

    fn record_tokens(&self, register: &Register, usage: &Usage) {
        let (input, output) = (usage.input(), usage.output());
        let types = [("input", input), ("output", output)];
        for (cell, (kind, tokens)) in self.later.token_usage.iter().zip(types) {
            if let Some(tokens) = tokens {
                let labels = || with_label(&self.labels, label::TOKEN_TYPE, kind);
                cell.get_or_init(|| register.histogram(names::TOKEN_USAGE, labels()))
                    .record(tokens as f64);
            }
        }
        macro_rules! kinds {
            ($($field:ident)+) => {
                [("input", input), ("output", output), $((stringify!($field), usage.$field)),+]
            };
        }
        let kinds = kinds!(cache_read cache_write reasoning cache_write_long audio_input image_input
            audio_output image_output);
        for (cell, (kind, tokens)) in self.later.tokens.iter().zip(kinds) {
            if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
                let labels = || with_label(&self.labels, label::TOKEN_KIND, kind);
                let make = || register.counter(names::TOKENS, labels());
                cell.get_or_init(make).increment(tokens.min(MOST));
            }
        }
    }

    /// The gauge of live streams. The first stream finds it by `find`.
    pub(super) fn streams(&self, find: impl FnOnce() -> Gauge) -> &Gauge {
        self.later.streams.get_or_init(find)
    }
}

pub(super) fn with_error(mut labels: Vec<Label>, error: Option<ErrorType>) -> Vec<Label> {
    labels.extend(error.map(|error| Label::new(label::ERROR, error.label().into_owned())));
    labels
}
