//! The rules and counters of some gateways, bounded in number.

use std::collections::HashMap;
use std::time::Duration;

use super::{SeenCounter, SeenRule, Sums, Values};
use crate::control::limits::memory::hash::DigestHash;
use crate::control::limits::naming;
use crate::control::limits::store::{Claim, Counter, Standing};
use crate::settings::limits::{LimitRule, Measure, Window};

/// The maximum number of counters of a rule.
pub(super) const PER_RULE: usize = 1024;
/// The maximum number of counters in a shard.
pub(super) const COUNTERS: usize = 8192;
/// The maximum number of rules in a shard.
pub(super) const RULES: usize = 256;
/// A full rule forgets one in so many of its counters at once.
const FREED: usize = 16;

/// A gateway's rule, by the gateway and the rule's digest. A rule that counts all requests together
/// has this as its only counter.
pub(super) type RuleKey = Counter;

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) rules: HashMap<RuleKey, Row, DigestHash>,
    pub(super) counters: HashMap<Counter, Slot, DigestHash>,
    /// Grows by one for each request.
    pub(super) turn: u64,
    pub(super) sums: Sums,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) account: Option<Box<str>>,
    pub(super) gateway: Box<str>,
    pub(super) name: Box<str>,
    pub(super) measure: Measure,
    pub(super) window: Window,
    pub(super) by: Vec<String>,
    pub(super) counters: usize,
    pub(super) sums: Sums,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) rule: [u8; 16],
    pub(super) values: Values,
    pub(super) limit: u64,
    pub(super) is_shadow: bool,
    pub(super) used: u64,
    /// By the store's clock, in milliseconds since 1970.
    pub(super) resets_at: u64,
    /// The turn of the last request.
    pub(super) seen: u64,
}

impl Shard {
    pub(super) fn new() -> Self {
        let hash = DigestHash::new();
        Self {
            rules: HashMap::with_hasher(hash.clone()),
            counters: HashMap::with_hasher(hash),
            turn: 0,
            sums: Sums::default(),
        }
    }

    pub(super) fn make_room_for_rule(&mut self) {
        if self.rules.len() < RULES {
            return;
        }
        let mut seen: HashMap<RuleKey, u64> = HashMap::new();
        for (counter, slot) in &self.counters {
            let latest = seen.entry(RuleKey { id: slot.rule, ..*counter }).or_default();
            *latest = slot.seen.max(*latest);
        }
        let latest = |key: &&RuleKey| seen.get(key).copied().unwrap_or_default();
        if let Some(oldest) = self.rules.keys().min_by_key(latest).copied() {
            self.rules.remove(&oldest);
            let is_other = |counter: &Counter, slot: &Slot| {
                counter.gateway != oldest.gateway || slot.rule != oldest.id
            };
            self.counters.retain(|counter, slot| is_other(counter, slot));
        }
    }

    pub(super) fn make_room_for_counter(&mut self, rule: &RuleKey) {
        if self.rules.get(rule).is_some_and(|row| row.counters >= PER_RULE) {
            self.forget(rule);
        }
        if self.counters.len() >= COUNTERS {
            let fullest = self.rules.iter().max_by_key(|(_, row)| row.counters);
            if let Some(fullest) = fullest.map(|(key, _)| *key) {
                self.forget(&fullest);
            }
        }
    }

    /// Forgets the counters of a rule that have not been used for longest.
    pub(super) fn forget(&mut self, rule: &RuleKey) {
        let Self { rules, counters, .. } = self;
        let Some(row) = rules.get_mut(rule) else { return };
        let is_own = |counter: &Counter, slot: &Slot| {
            counter.gateway == rule.gateway && slot.rule == rule.id
        };
        let own = counters.iter().filter(|(counter, slot)| is_own(counter, slot));
        let mut by_age: Vec<_> = own.map(|(counter, slot)| (slot.seen, *counter)).collect();
        let count = (by_age.len() / FREED).max(1).min(by_age.len());
        if count == 0 {
            return;
        }
        by_age.select_nth_unstable(count - 1);
        for (_, counter) in &by_age[..count] {
            counters.remove(counter);
        }
        row.counters = by_age.len() - count;
    }

    pub(super) fn look(&self, top: usize, now: u64) -> Vec<SeenRule> {
        let mut own: HashMap<RuleKey, Vec<(&Counter, &Slot)>> = HashMap::new();
        for (counter, slot) in &self.counters {
            own.entry(RuleKey { id: slot.rule, ..*counter }).or_default().push((counter, slot));
        }
        let rules = self.rules.iter().filter_map(|(key, row)| {
            let mut slots = own.remove(key)?;
            let latest = slots.iter().map(|(_, slot)| slot).max_by_key(|slot| slot.seen)?;
            let (limit, is_shadow) = (latest.limit, latest.is_shadow);
            slots.sort_by(|(_, a), (_, b)| {
                b.used_at(now).cmp(&a.used_at(now)).then_with(|| a.values.cmp(&b.values))
            });
            let seen = |(counter, slot): &(&Counter, &Slot)| SeenCounter {
                counter: **counter,
                values: slot.values.iter().map(|value| value.to_string()).collect(),
                used: slot.used_at(now),
                resets_after: Duration::from_millis(slot.resets_at.saturating_sub(now)),
            };
            Some(SeenRule {
                account: row.account.as_deref().map(str::to_owned),
                gateway: row.gateway.to_string(),
                name: row.name.to_string(),
                measure: row.measure,
                window: row.window,
                limit,
                is_shadow,
                by: row.by.clone(),
                sums: row.sums,
                counters: row.counters,
                top: slots.iter().take(top).map(seen).collect(),
            })
        });
        rules.collect()
    }
}

impl Row {
    pub(super) fn new(rule: &LimitRule, (account, gateway): (Option<&str>, &str)) -> Self {
        Self {
            account: account.map(Box::from),
            gateway: gateway.into(),
            name: rule.name.clone(),
            measure: rule.measure,
            window: rule.window,
            by: rule.by.iter().map(naming::by_text).collect(),
            counters: 0,
            sums: Sums::default(),
        }
    }
}

impl Slot {
    pub(super) fn new(rule: &LimitRule, claim: &Claim, values: Values, seen: u64) -> Self {
        Self {
            rule: rule.digest,
            values,
            limit: claim.limit,
            is_shadow: rule.is_shadow,
            used: 0,
            resets_at: 0,
            seen,
        }
    }

    pub(super) fn stands(&mut self, standing: &Standing, at: u64) {
        let after = u64::try_from(standing.resets_after.as_millis()).unwrap_or(u64::MAX);
        self.used = standing.used;
        self.resets_at = at.saturating_add(after);
    }

    /// What counted last, or 0 if its window is over.
    pub(super) fn used_at(&self, now: u64) -> u64 {
        if self.resets_at > now { self.used } else { 0 }
    }
}
