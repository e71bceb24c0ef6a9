//! The arithmetic of windows. Integers only, and no clock: a store brings the time.
//!
//! Every store counts by these rules, so that they agree to the unit. Each intermediate result is below
//! 2^53 as long as limits and counts are, so a script that has nothing but doubles is exact too. (The
//! two waits are hints: there a double may be one unit of time off.) All divisions round
//! down, and `ceil(a / b)` up.
//!
//! **Time** is `now`, in milliseconds since 1970. A counter must not see it run backwards: where the clock is
//! up to [`LAG`] behind the latest time seen, that time holds; where it is further behind, the clock was
//! set, and is believed ([`present`]). All counters of one request use one `now`, which is what the decision
//! reports as `at`.
//!
//! **State** of a counter is four numbers, `start`, `used`, `before` and `held`. A counter that is not there is
//! one with `used = before = held = 0`.
//!
//! **Need** of a claim is `max(amount, 1)`. There is room if `in_use + need <= capacity`. What is granted
//! adds `amount` to `held` if it has a lease, else to `used`. What is held stays so until it is settled or
//! its lease is over, also where the counter is reset, and where a bucket fills: so no settlement takes
//! anything from what others have used.
//!
//! **Spans** (`length` of a sliding window, `per` of a bucket) are in milliseconds, rounded up, 1 at least. A
//! span of more than 2^26 ms is in seconds instead, rounded up, 2^26 of them at most. `unit` is 1 or 1000,
//! and `time = now / unit`.
//!
//! Fixed, with `capacity = limit`:
//! - `first(now)` is the first millisecond of the period. With `day = now / 86400000`: weeks begin with the
//!   day `day - (day + 3) % 7` (0 if that is negative), months by `day_of_month`. `end(now)` is the
//!   next period's first; for months `first(first(now) + 31 days)`.
//! - advance: if `first(now) > start` then `used = held = 0`; `start = first(now)`.
//! - in use: `used + held`.
//! - settle: if `first(at) = start` then `held = max(0, held - reserved)`, `used = used + spent`.
//! - correct: if `first(at) = start` then `used = max(0, used - counted + spent)`.
//!
//! Sliding, with `capacity = limit`:
//! - `index = time / length`, `rest = length - time % length`: how much of the stretch before is in the
//!   window still.
//! - advance: if `index = start + 1` then `before = used + held`; if `index > start + 1` then `before = 0`;
//!   if `index > start` then `used = held = 0`; `start = index`.
//! - in use: `used + held + (before / length) * rest + ceil((before % length) * rest / length)`.
//! - settle and correct, with `i` the index of `at`: if `i = start` as above, if `i = start - 1` then
//!   `before = max(0, before - reserved + spent)`, else nothing.
//!
//! Bucket, with `capacity = burst`. `used` is what is missing from a full one beside what is held, and `before`
//! is what has flowed in since it last grew by one: `before / length` of one, always less than one, and 0 if
//! `used` is.
//! - advance, with `elapsed = time - start` (if that is positive), `n = elapsed / length`,
//!   `rest = elapsed % length` and `part = rest * (limit % length) + before`:
//!   `gain = n * limit + rest * (limit / length) + part / length`. If `gain >= used` then
//!   `used = before = 0`, else `used = used - gain`, `before = part % length`. `start = time`.
//! - in use: `used + held`.
//! - settle: always, whatever `at`: `held = max(0, held - reserved)`, `used = used + spent`.
//! - correct: always: if `spent >= counted` then `used = used + spent - counted`, else, with `gain` as above of
//!   `elapsed = start - at / unit` and `before = 0`, `used = max(0, used - max(0, counted - spent - gain))`: what
//!   has flowed in since is back already. If it is 0, `before = 0`.
//!
//! Settlements and corrections advance the counter first.

mod calendar;
#[cfg(all(test, not(loom)))]
mod tests;
mod waits;

use self::calendar::{Span, first, share};
use crate::settings::limits::Window;

/// The milliseconds by which a clock may run backwards before it is believed.
pub(crate) const LAG: u64 = 60_000;

/// Later times count as this one, so that no sum overflows.
const LAST: u64 = 1 << 52;

/// The time to count by; `seen` is the latest one so far.
pub(crate) fn present(clock: u64, seen: u64) -> u64 {
    let clock = clock.min(LAST);
    if clock < seen && seen - clock <= LAG { seen } else { clock }
}

/// The state of a counter. The meaning of the numbers depends on the kind of window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    start: u64,
    used: u64,
    before: u64,
    /// Reserved and not settled.
    held: u64,
}

impl Count {
    /// The state of an unused counter.
    pub(crate) fn new(window: Window, now: u64) -> Self {
        let start = match window {
            Window::Fixed(period) => first(period, now),
            Window::Sliding(length) => Span::of(length).split(now).0,
            Window::Bucket { per, .. } => now / Span::of(per).unit,
        };
        Self { start, used: 0, before: 0, held: 0 }
    }

    /// Lets time pass until `now`. If the clock was set back, what counts goes on counting.
    pub(crate) fn advance(&mut self, window: Window, limit: u64, now: u64) {
        match window {
            Window::Fixed(period) => {
                let first = first(period, now);
                if first > self.start {
                    self.used = 0;
                    self.held = 0;
                }
                self.start = first;
            }
            Window::Sliding(length) => {
                let index = Span::of(length).split(now).0;
                if index > self.start {
                    self.before = if index - self.start == 1 { self.counted() } else { 0 };
                    self.used = 0;
                    self.held = 0;
                }
                self.start = index;
            }
            Window::Bucket { per, .. } => {
                let per = Span::of(per);
                let time = now / per.unit;
                let elapsed = time.saturating_sub(self.start);
                self.start = time;
                if elapsed > 0 && self.used > 0 {
                    self.fill(per.length, limit, elapsed);
                }
            }
        }
    }

    fn fill(&mut self, length: u64, limit: u64, elapsed: u64) {
        let (gain, part) = inflow(length, limit, elapsed, self.before);
        if gain >= self.used {
            self.used = 0;
            self.before = 0;
        } else {
            self.used -= gain;
            self.before = part;
        }
    }

    /// What counts now.
    pub(crate) fn in_use(&self, window: Window, now: u64) -> u64 {
        let counted = self.counted();
        match window {
            Window::Sliding(length) if self.before > 0 => {
                let length = Span::of(length);
                let weighted = share(self.before, length.split(now).1, length.length);
                counted.saturating_add(weighted)
            }
            _ => counted,
        }
    }

    fn counted(&self) -> u64 {
        self.used.saturating_add(self.held)
    }

    /// Counts what was granted for good.
    pub(crate) fn add(&mut self, amount: u64) {
        self.used = self.used.saturating_add(amount);
    }

    /// Counts what was granted until it is settled.
    pub(crate) fn hold(&mut self, amount: u64) {
        self.held = self.held.saturating_add(amount);
    }

    /// Replaces what is held since `at` by what was used.
    pub(crate) fn settle(&mut self, window: Window, at: u64, reserved: u64, spent: u64) {
        let is_of_now = match window {
            Window::Fixed(period) => first(period, at) == self.start,
            Window::Sliding(length) => {
                let index = Span::of(length).split(at).0;
                if index + 1 == self.start {
                    self.before = corrected(self.before, reserved, spent);
                }
                index == self.start
            }
            Window::Bucket { .. } => true,
        };
        if is_of_now {
            self.held = self.held.saturating_sub(reserved);
            self.used = self.used.saturating_add(spent);
        }
    }

    /// Replaces what was counted for good at `at` by what was used.
    pub(crate) fn correct(
        &mut self,
        window: Window,
        limit: u64,
        at: u64,
        counted: u64,
        spent: u64,
    ) {
        match window {
            Window::Fixed(period) => {
                if first(period, at) == self.start {
                    self.used = corrected(self.used, counted, spent);
                }
            }
            Window::Sliding(length) => {
                let index = Span::of(length).split(at).0;
                if index == self.start {
                    self.used = corrected(self.used, counted, spent);
                } else if index + 1 == self.start {
                    self.before = corrected(self.before, counted, spent);
                }
            }
            Window::Bucket { per, .. } => {
                let per = Span::of(per);
                let elapsed = self.start.saturating_sub(at / per.unit);
                let (gain, _) = inflow(per.length, limit, elapsed, 0);
                self.used = match spent.checked_sub(counted) {
                    Some(more) => self.used.saturating_add(more),
                    // What has flowed in since is back already.
                    None => self.used.saturating_sub((counted - spent).saturating_sub(gain)),
                };
                if self.used == 0 {
                    self.before = 0;
                }
            }
        }
    }

    /// Forgets what was used. What is held stays: it is yet to be settled.
    pub(crate) fn reset(&mut self) {
        self.used = 0;
        self.before = 0;
    }

    /// Gives back `extra` of what was used.
    pub(crate) fn refund(&mut self, window: Window, now: u64, extra: u64) {
        let beyond = extra.saturating_sub(self.used);
        self.used = self.used.saturating_sub(extra);
        match window {
            Window::Fixed(_) => {}
            Window::Sliding(length) => {
                let length = Span::of(length);
                let rest = length.split(now).1;
                let back = multiplied(beyond, length.length).div_ceil(u128::from(rest));
                self.before = self.before.saturating_sub(saturated(back));
            }
            Window::Bucket { .. } => {
                if self.used == 0 {
                    self.before = 0;
                }
            }
        }
    }

    /// Returns true if a missing counter would mean the same.
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0 && self.before == 0 && self.held == 0
    }
}

/// The maximum that may be in use.
pub(crate) fn capacity(window: Window, limit: u64) -> u64 {
    match window {
        Window::Fixed(_) | Window::Sliding(_) => limit,
        Window::Bucket { burst, .. } => burst,
    }
}

/// The room that a claim of `amount` needs.
pub(crate) fn need(amount: u64) -> u64 {
    amount.max(1)
}

/// The gain of a bucket, and the rest that makes no whole unit. `before` is the previous rest.
fn inflow(length: u64, limit: u64, elapsed: u64, before: u64) -> (u64, u64) {
    let (times, rest) = (elapsed / length, elapsed % length);
    let part = (rest * (limit % length)).saturating_add(before);
    let gain = times
        .saturating_mul(limit)
        .saturating_add(rest * (limit / length))
        .saturating_add(part / length);
    (gain, part % length)
}

/// `count` with `spent` in the place of `counted`.
fn corrected(count: u64, counted: u64, spent: u64) -> u64 {
    match spent.checked_sub(counted) {
        Some(more) => count.saturating_add(more),
        None => count.saturating_sub(counted - spent),
    }
}

fn multiplied(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

fn saturated(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
