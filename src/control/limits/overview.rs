//! How the limits of a layer stand, for an operator: rules and their fullest counters.

use std::time::Duration;

use super::board::{SeenCounter, SeenRule};
use super::window::capacity;
use crate::settings::limits::{Measure, Window};

/// How the limits of a layer stand, as far as this process has seen since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsOverview {
    /// Each rule under which a request came, the one with the fullest counter first.
    pub rules: Vec<RuleOverview>,
    /// How often a rule had no room for a request, including requests that were then sent
    /// elsewhere.
    pub refused: u64,
    /// How often a shadow rule had no room.
    pub would_refuse: u64,
    /// How often a rule could not be checked because the store did not answer.
    pub store_failures: u64,
    /// How many counters were forgotten in this process though they still counted.
    pub evicted: u64,
}

/// How one rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleOverview {
    /// `None` if the gateway counts all accounts together.
    pub account: Option<String>,
    /// `*` if all unknown gateways count together.
    pub gateway: String,
    /// Its name.
    pub rule: String,
    /// What it counts.
    pub measure: Measure,
    /// How much may be used per window, in the measure's unit.
    pub limit: u64,
    /// How long what was used counts.
    pub window: Window,
    /// What it counts by, as settings files write it: `subject`, `label:team`.
    pub by: Vec<String>,
    /// It refuses nothing.
    pub is_shadow: bool,
    /// How many of its counters are known here: 1,024 at most.
    pub counters: usize,
    /// See [`LimitsOverview::refused`].
    pub refused: u64,
    /// See [`LimitsOverview::would_refuse`].
    pub would_refuse: u64,
    /// See [`LimitsOverview::store_failures`].
    pub store_failures: u64,
    /// The fullest counters, the fullest first.
    pub top: Vec<CounterOverview>,
}

/// How one counter stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CounterOverview {
    /// What it counts: a value for each of [`RuleOverview::by`], empty if a request had none.
    /// Clients may have chosen these values. Tokens, keys and values longer than 256 bytes are
    /// shown as `sha256:` and the first 12 digits of their digest.
    pub values: Vec<String>,
    /// How much counts now, in the measure's unit.
    pub used: u64,
    /// How much is left.
    pub remaining: u64,
    /// How long it takes until all of it is free again, if nothing more is used.
    pub resets_after: Duration,
}

impl RuleOverview {
    pub(super) fn of(seen: SeenRule) -> Self {
        let most = capacity(seen.window, seen.limit);
        let counter = |SeenCounter { values, used, resets_after, .. }| CounterOverview {
            values,
            used,
            remaining: most.saturating_sub(used),
            resets_after,
        };
        Self {
            account: seen.account,
            gateway: seen.gateway,
            rule: seen.name,
            measure: seen.measure,
            limit: seen.limit,
            window: seen.window,
            by: seen.by,
            is_shadow: seen.is_shadow,
            counters: seen.counters,
            refused: seen.sums.refused,
            would_refuse: seen.sums.would_refuse,
            store_failures: seen.sums.store_failures,
            top: seen.top.into_iter().map(counter).collect(),
        }
    }

    /// The most that a counter holds: the limit, or a bucket's burst.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        capacity(self.window, self.limit)
    }
}
