//! What an operator sees of the rules: whom they have counted in this process, and how that stood.
//!
//! It is told of each decision and settlement. It holds no counts of its own that anything depends on:
//! the store has those.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::memory::hash::DigestHash;
use super::memory::system_now;
use super::naming;
use super::store::{Claim, Counter, Decision, Settlement, Standing};
use super::window::capacity;
use crate::settings::limits::{LimitRule, Measure, Window};

/// A power of two.
const SHARDS: usize = 8;
/// How many counters of a rule are known at most.
const PER_RULE: usize = 1024;
/// How many of a shard, of all its rules together.
const COUNTERS: usize = 8192;
/// How many rules of a shard.
const RULES: usize = 256;
/// Of what is full, this part goes at once.
const FREED: usize = 16;

#[derive(Debug)]
pub(super) struct Board([Mutex<Shard>; SHARDS]);

/// Values a counter counts: a value for each thing that the rule counts by.
pub(super) type Values = Box<[Box<str>]>;

/// A gateway's rule, by the gateway and the rule's digest. It looks like a counter, and is one where
/// the rule counts all together.
type RuleKey = Counter;

#[derive(Debug)]
struct Shard {
    rules: HashMap<RuleKey, Row, DigestHash>,
    counters: HashMap<Counter, Slot, DigestHash>,
    /// Grows by one for each request.
    turn: u64,
    sums: Sums,
}

/// How often something has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) refused: u64,
    pub(super) would_refuse: u64,
    pub(super) store_failures: u64,
}

#[derive(Debug)]
struct Row {
    account: Option<Box<str>>,
    gateway: Box<str>,
    name: Box<str>,
    measure: Measure,
    window: Window,
    by: Vec<String>,
    counters: usize,
    sums: Sums,
}

#[derive(Debug)]
struct Slot {
    rule: [u8; 16],
    values: Values,
    limit: u64,
    is_shadow: bool,
    used: u64,
    /// By the store's clock, in milliseconds since 1970.
    resets_at: u64,
    /// The turn of the last request.
    seen: u64,
}

/// A rule, as the board has it.
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

    /// Gets to know a counter. `place`: the account, if the gateway is of one, and the gateway.
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

    /// A store has decided. `is_shadow`: whether the rule of that claim is one.
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
            // What only fetches is let pass by every rule.
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

    /// A store could not be asked.
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

    /// What was used has taken the place of what was reserved.
    pub(super) fn settled(&self, settlements: &[Settlement]) {
        let Some(first) = settlements.first() else { return };
        let mut shard = self.shard(&first.claim.counter);
        for Settlement { claim, spent, .. } in settlements {
            if let Some(slot) = shard.counters.get_mut(&claim.counter) {
                slot.used = slot.used.saturating_sub(claim.amount).saturating_add(*spent);
            }
        }
    }

    /// A store was asked how a counter stands.
    pub(super) fn found(&self, counter: &Counter, standing: &Standing) {
        if let Some(slot) = self.shard(counter).counters.get_mut(counter) {
            slot.stands(standing, system_now());
        }
    }

    /// The counters of a rule that are shown so.
    pub(super) fn find(&self, gateway: [u8; 8], rule: [u8; 16], values: &[&str]) -> Vec<Counter> {
        let shard = self.shard(&Counter { gateway, id: rule });
        let own = shard.counters.iter().filter(|(counter, slot)| {
            counter.gateway == gateway
                && slot.rule == rule
                && slot.values.iter().map(|value| &**value).eq(values.iter().copied())
        });
        own.map(|(counter, _)| *counter).collect()
    }

    /// All rules, those with the fullest counter first, and of each that many of its counters.
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

impl Shard {
    fn new() -> Self {
        let hash = DigestHash::new();
        Self {
            rules: HashMap::with_hasher(hash.clone()),
            counters: HashMap::with_hasher(hash),
            turn: 0,
            sums: Sums::default(),
        }
    }

    fn make_room_for_rule(&mut self) {
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

    fn make_room_for_counter(&mut self, rule: &RuleKey) {
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

    /// Forgets those of a rule's counters that were not seen for the longest time.
    fn forget(&mut self, rule: &RuleKey) {
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

    fn look(&self, top: usize, now: u64) -> Vec<SeenRule> {
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
    fn new(rule: &LimitRule, (account, gateway): (Option<&str>, &str)) -> Self {
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
    fn new(rule: &LimitRule, claim: &Claim, values: Values, seen: u64) -> Self {
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

    fn stands(&mut self, standing: &Standing, at: u64) {
        let after = u64::try_from(standing.resets_after.as_millis()).unwrap_or(u64::MAX);
        self.used = standing.used;
        self.resets_at = at.saturating_add(after);
    }

    /// What counted at last, unless its window is over.
    fn used_at(&self, now: u64) -> u64 {
        if self.resets_at > now { self.used } else { 0 }
    }
}

/// Puts the rules in order, those with the fullest counter first.
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
mod tests {
    use super::*;
    use crate::settings::limits::{CountBy, Limits, Period};

    const DAY: Window = Window::Fixed(Period::Day);

    fn rule(name: &str) -> LimitRule {
        let mut limits = Limits::default();
        limits.add(LimitRule::requests(name, 10, DAY).by(CountBy::Subject)).unwrap();
        limits.rules.remove(0)
    }

    fn claim(gateway: u8, number: u64) -> Claim {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        let counter = Counter { gateway: [gateway; 8], id };
        Claim { counter, window: DAY, limit: 10, amount: 1, lease: None, is_shadow: false }
    }

    fn sees(board: &Board, rule: &LimitRule, claim: Claim, used: u64) {
        for number in board.missing(&[claim]) {
            assert_eq!(number, 0);
            let values = [format!("user-{:?}", claim.counter.id).into_boxed_str()];
            board.add(rule, (Some("acct"), "gw"), &claim, values.into());
        }
        let standing = Standing {
            used,
            is_exceeded: used > 10,
            resets_after: Duration::from_secs(60),
            ..Standing::default()
        };
        let decision = Decision { is_granted: true, at: system_now(), standings: vec![standing] };
        board.decided(&[claim], &decision, |_| claim.is_shadow);
    }

    #[test]
    fn a_flood_of_callers_leaves_those_that_were_seen_last() {
        let (board, rule) = (Board::default(), rule("flooded"));
        for number in 0..50_000 {
            sees(&board, &rule, claim(1, 0), 9);
            sees(&board, &rule, claim(1, 1 + number), 1);
            if number % 1000 == 0 {
                assert!(lock(&board.0[1]).counters.len() <= PER_RULE);
            }
        }
        let seen = board.look(3);
        assert_eq!(seen.len(), 1);
        assert!(seen[0].counters <= PER_RULE && seen[0].counters > PER_RULE / 2);
        assert_eq!(seen[0].top.len(), 3);
        assert_eq!(seen[0].top[0].used, 9, "it was seen all the time");
        let shard = lock(&board.0[1]);
        assert_eq!(
            shard.rules.values().map(|row| row.counters).sum::<usize>(),
            shard.counters.len()
        );
    }

    #[test]
    fn a_flood_of_rules_is_bounded_too() {
        let board = Board::default();
        for number in 0..600 {
            let rule = rule(&format!("rule-{number}"));
            for caller in 0..40 {
                sees(&board, &rule, claim(1, 1000 * number + caller), 1);
            }
        }
        let shard = lock(&board.0[1]);
        assert!(shard.rules.len() <= RULES && shard.counters.len() <= COUNTERS);
        assert_eq!(
            shard.rules.values().map(|row| row.counters).sum::<usize>(),
            shard.counters.len()
        );
    }

    #[test]
    fn refusals_are_summed_and_the_fullest_rule_is_first() {
        let (board, one, other) = (Board::default(), rule("one"), rule("other"));
        sees(&board, &one, claim(1, 1), 3);
        sees(&board, &other, claim(2, 2), 11);
        sees(&board, &other, Claim { is_shadow: true, ..claim(2, 2) }, 12);
        board.store_failed(&[claim(2, 2)]);
        let seen = board.look(5);
        let names: Vec<_> = seen.iter().map(|rule| &*rule.name).collect();
        assert_eq!(names, ["other", "one"]);
        let expected = Sums { refused: 1, would_refuse: 1, store_failures: 1 };
        assert_eq!((seen[0].sums, seen[1].sums), (expected, Sums::default()));
        assert_eq!(board.sums(), expected);
        assert_eq!(seen[0].by, ["subject"]);
    }

    #[test]
    fn what_was_spent_is_shown_and_what_is_over_is_not() {
        let (board, rule) = (Board::default(), rule("spent"));
        let claim = Claim { amount: 8, ..claim(1, 1) };
        sees(&board, &rule, claim, 8);
        board.settled(&[Settlement { claim, at: 0, spent: 2 }]);
        assert_eq!(board.look(1)[0].top[0].used, 2);
        board.found(&claim.counter, &Standing { used: 7, ..Standing::default() });
        assert_eq!(board.look(1)[0].top[0].used, 0, "nothing counts on");
    }
}
