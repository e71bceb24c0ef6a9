//! What an operator sees of the rules: their counters in this process, and how each stood last.
//!
//! The board follows each decision and settlement. Nothing depends on its counts: the store
//! decides.

mod shard;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::shard::{Row, RuleKey, Shard, Slot};
use super::memory::system_now;
use super::store::{Claim, Counter, Decision, Settlement, Standing};
use super::window::capacity;
use crate::settings::limits::{LimitRule, Measure, Window};

/// A power of two.
const SHARDS: usize = 8;

#[derive(Debug)]
pub(super) struct Board([Mutex<Shard>; SHARDS]);

/// What a counter counts: a value for each thing that its rule counts by.
pub(super) type Values = Box<[Box<str>]>;

/// How often something has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) refused: u64,
    pub(super) would_refuse: u64,
    pub(super) store_failures: u64,
}

/// A rule as the board knows it.
#[derive(Debug)]
pub(super) struct SeenRule {
    pub(super) account: Option<String>,
    pub(super) gateway: String,
    pub(super) name: String,
    pub(super) measure: Measure,
    pub(super) window: Window,
    pub(super) limit: u64,
    pub(super) is_shadow: bool,
    pub(super) by: Vec<String>,
    pub(super) sums: Sums,
    pub(super) counters: usize,
    /// The fullest first.
    pub(super) top: Vec<SeenCounter>,
}

#[derive(Debug)]
pub(super) struct SeenCounter {
    pub(super) counter: Counter,
    pub(super) values: Vec<String>,
    pub(super) used: u64,
    pub(super) resets_after: Duration,
}

impl Default for Board {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(Shard::new())))
    }
}

impl Board {
    /// The claims, by number, whose counters are not known yet.
    pub(super) fn missing(&self, claims: &[Claim]) -> Vec<usize> {
        let Some(shard) = self.shard_of(claims) else { return Vec::new() };
        let unknown = claims.iter().enumerate();
        let unknown = unknown.filter(|(_, claim)| !shard.counters.contains_key(&claim.counter));
        unknown.map(|(number, _)| number).collect()
    }

    /// Adds a counter. `place`: the account, if the gateway has one, and the gateway.
    pub(super) fn add(
        &self,
        rule: &LimitRule,
        place: (Option<&str>, &str),
        claim: &Claim,
        values: Values,
    ) {
        let key = RuleKey { id: rule.digest, ..claim.counter };
        let row = Row::new(rule, place);
        let mut shard = self.shard(&claim.counter);
        if shard.counters.contains_key(&claim.counter) {
            return;
        }
        if !shard.rules.contains_key(&key) {
            shard.make_room_for_rule();
        }
        shard.make_room_for_counter(&key);
        let slot = Slot::new(rule, claim, values, shard.turn);
        shard.rules.entry(key).or_insert(row).counters += 1;
        shard.counters.insert(claim.counter, slot);
    }

    /// Records a store's decision. `is_shadow` says whether the rule of the claim with this number
    /// is a shadow rule.
    pub(super) fn decided(
        &self,
        claims: &[Claim],
        decision: &Decision,
        is_shadow: impl Fn(usize) -> bool,
    ) {
        let Some(mut shard) = self.shard_of(claims) else { return };
        let Shard { rules, counters, turn, sums } = &mut *shard;
        *turn += 1;
        for (number, (claim, standing)) in claims.iter().zip(&decision.standings).enumerate() {
            let Some(slot) = counters.get_mut(&claim.counter) else { continue };
            slot.seen = *turn;
            slot.limit = claim.limit;
            slot.is_shadow = is_shadow(number);
            slot.stands(standing, decision.at);
            // A request that only fetches passes every rule.
            if !standing.is_exceeded || (claim.is_shadow && !slot.is_shadow) {
                continue;
            }
            let key = RuleKey { id: slot.rule, ..claim.counter };
            let row = rules.get_mut(&key).map(|row| &mut row.sums);
            for sums in row.into_iter().chain([&mut *sums]) {
                match slot.is_shadow {
                    true => sums.would_refuse += 1,
                    false => sums.refused += 1,
                }
            }
        }
    }

    /// Records that the store could not be asked.
    pub(super) fn store_failed(&self, claims: &[Claim]) {
        let Some(mut shard) = self.shard_of(claims) else { return };
        let Shard { rules, counters, sums, .. } = &mut *shard;
        for claim in claims {
            let slot = counters.get(&claim.counter);
            let key = slot.map(|slot| RuleKey { id: slot.rule, ..claim.counter });
            let row = key.and_then(|key| rules.get_mut(&key)).map(|row| &mut row.sums);
            for sums in row.into_iter().chain([&mut *sums]) {
                sums.store_failures += 1;
            }
        }
    }

    /// Replaces what was reserved by what was used.
    pub(super) fn settled(&self, settlements: &[Settlement]) {
        let Some(first) = settlements.first() else { return };
        let mut shard = self.shard(&first.claim.counter);
        for Settlement { claim, spent, .. } in settlements {
            if let Some(slot) = shard.counters.get_mut(&claim.counter) {
                slot.used = slot.used.saturating_sub(claim.amount).saturating_add(*spent);
            }
        }
    }

    /// Records how a counter stands in the store.
    pub(super) fn found(&self, counter: &Counter, standing: &Standing) {
        if let Some(slot) = self.shard(counter).counters.get_mut(counter) {
            slot.stands(standing, system_now());
        }
    }

    /// The counters of a rule that are shown with these values.
    pub(super) fn find(&self, gateway: [u8; 8], rule: [u8; 16], values: &[&str]) -> Vec<Counter> {
        let shard = self.shard(&Counter { gateway, id: rule });
        let own = shard.counters.iter().filter(|(counter, slot)| {
            counter.gateway == gateway
                && slot.rule == rule
                && slot.values.iter().map(|value| &**value).eq(values.iter().copied())
        });
        own.map(|(counter, _)| *counter).collect()
    }

    /// All rules, those with the fullest counter first, each with its `top` fullest counters.
    pub(super) fn look(&self, top: usize) -> Vec<SeenRule> {
        let now = system_now();
        let shards = self.0.iter();
        let mut rules: Vec<_> = shards.flat_map(|shard| lock(shard).look(top, now)).collect();
        fullest_first(&mut rules);
        rules
    }

    pub(super) fn sums(&self) -> Sums {
        self.0.iter().map(|shard| lock(shard).sums).fold(Sums::default(), |all, one| Sums {
            refused: all.refused + one.refused,
            would_refuse: all.would_refuse + one.would_refuse,
            store_failures: all.store_failures + one.store_failures,
        })
    }

    /// All claims of a request are of one gateway.
    fn shard_of(&self, claims: &[Claim]) -> Option<MutexGuard<'_, Shard>> {
        claims.first().map(|claim| self.shard(&claim.counter))
    }

    fn shard(&self, counter: &Counter) -> MutexGuard<'_, Shard> {
        lock(&self.0[usize::from(counter.gateway[7]) & (SHARDS - 1)])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sorts the rules, those with the fullest counter first.
pub(super) fn fullest_first(rules: &mut [SeenRule]) {
    rules.sort_by(|a, b| b.share().total_cmp(&a.share()).then_with(|| a.name.cmp(&b.name)));
}

impl SeenRule {
    /// How much of the limit the fullest counter has used: 1.0 is all of it.
    fn share(&self) -> f64 {
        let most = capacity(self.window, self.limit).max(1) as f64;
        self.top.first().map_or(0.0, |counter| counter.used as f64 / most)
    }
}

#[cfg(test)]
mod tests;
