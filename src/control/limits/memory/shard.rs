//! The counters of some gateways. Each shard is behind a lock.

use std::time::Duration;

use super::table::{Place, Slot, Table};
use crate::control::limits::store::{Claim, Counter, Settlement, Standing};
use crate::control::limits::window::{Count, capacity, need, present};
use crate::settings::limits::Window;

/// The places of so many claims are remembered between the check and the count. Further claims are
/// looked up again.
const REMEMBERED: usize = 8;

pub(super) struct Shard {
    table: Table,
    /// The latest time seen. It is the shard's, so that it outlives its counters.
    seen: u64,
}

impl Shard {
    pub(super) fn new(capacity: usize) -> Self {
        Self { table: Table::new(capacity), seen: 0 }
    }

    /// Counts all claims or none, and fills in their standings. Returns whether they count, and the
    /// time.
    pub(super) fn reserve(
        &mut self,
        clock: u64,
        claims: &[Claim],
        standings: &mut [Standing],
    ) -> (bool, u64) {
        let now = self.pass(clock);
        let mut places = [None; REMEMBERED];
        let mut is_granted = true;
        for (index, (claim, standing)) in claims.iter().zip(&mut *standings).enumerate() {
            let place = self.table.find(&claim.counter);
            if let Some(remembered) = places.get_mut(index) {
                *remembered = place;
            }
            let count = self.count(place, claim.window, claim.limit, now);
            let need = earlier(&claims[..index], claim).saturating_add(need(claim.amount));
            let in_use = count.in_use(claim.window, now);
            if in_use.saturating_add(need) > capacity(claim.window, claim.limit) {
                is_granted &= claim.is_shadow;
                standing.is_exceeded = true;
                standing.retry_after =
                    Duration::from_millis(count.retry_after(claim.window, claim.limit, need, now));
            }
        }

        // An insertion may move or remove other counters.
        let moves = self.table.moves();
        for (index, (claim, standing)) in claims.iter().zip(standings).enumerate() {
            let place = match places.get(index) {
                Some(Some(place)) if self.table.moves() == moves => Some(*place),
                _ => self.table.find(&claim.counter),
            };
            let mut count = match place {
                // The check has advanced it to this time.
                Some(place) => self.table[place].count,
                None => Count::new(claim.window, now),
            };
            if is_granted {
                match claim.lease {
                    Some(_) => count.hold(claim.amount),
                    None => count.add(claim.amount),
                }
                self.write(place, claim, count, now);
            }
            stand(standing, &count, claim.window, claim.limit, now);
        }
        (is_granted, now)
    }

    /// Replaces what was reserved by what was used.
    pub(super) fn settle(&mut self, clock: u64, settlements: &[Settlement]) {
        let now = self.pass(clock);
        for Settlement { claim, at, spent } in settlements {
            let place = self.table.find(&claim.counter);
            let mut count = self.count(place, claim.window, claim.limit, now);
            match claim.lease {
                Some(_) => count.settle(claim.window, *at, claim.amount, *spent),
                None => count.correct(claim.window, claim.limit, *at, claim.amount, *spent),
            }
            self.write(place, claim, count, now);
        }
    }

    pub(super) fn standing(
        &mut self,
        clock: u64,
        counter: &Counter,
        window: Window,
        limit: u64,
    ) -> Standing {
        let now = self.pass(clock);
        let count = self.count(self.table.find(counter), window, limit, now);
        let mut standing = Standing::default();
        stand(&mut standing, &count, window, limit, now);
        standing
    }

    /// Forgets what was used, or `extra` of it.
    pub(super) fn refund(
        &mut self,
        clock: u64,
        counter: &Counter,
        window: Window,
        limit: u64,
        extra: Option<u64>,
    ) {
        let now = self.pass(clock);
        let Some(place) = self.table.find(counter) else {
            return;
        };
        let mut count = self.count(Some(place), window, limit, now);
        match extra {
            Some(extra) => count.refund(window, now, extra),
            None => count.reset(),
        }
        self.table[place].count = count;
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.table.evicted()
    }

    fn pass(&mut self, clock: u64) -> u64 {
        self.seen = present(clock, self.seen);
        self.seen
    }

    /// The count at this time; an empty one if there is no counter.
    fn count(&mut self, place: Option<Place>, window: Window, limit: u64, now: u64) -> Count {
        let Some(place) = place else {
            return Count::new(window, now);
        };
        let count = &mut self.table[place].count;
        count.advance(window, limit, now);
        *count
    }

    fn write(&mut self, place: Option<Place>, claim: &Claim, count: Count, now: u64) {
        let Claim { counter, window, limit, .. } = *claim;
        let slot = Slot { counter, window, limit, count };
        match place {
            Some(place) => self.table[place] = slot,
            None if count.is_empty() => {}
            None => self.table.insert(slot, now),
        }
    }
}

/// What earlier claims of a request take of the counter of a further one.
fn earlier(claims: &[Claim], further: &Claim) -> u64 {
    let same = claims.iter().filter(|claim| claim.counter == further.counter);
    same.fold(0, |sum, claim| sum.saturating_add(claim.amount))
}

fn stand(standing: &mut Standing, count: &Count, window: Window, limit: u64, now: u64) {
    standing.used = count.in_use(window, now);
    if !standing.is_exceeded {
        standing.remaining = capacity(window, limit).saturating_sub(standing.used);
    }
    standing.resets_after = Duration::from_millis(count.resets_after(window, limit, now));
}
