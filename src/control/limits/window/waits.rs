//! When a counter is empty again, and when it has room. Hints: a script may be one unit of time off.

use super::calendar::{Span, end};
use super::{Count, capacity, multiplied, need, saturated};
use crate::settings::limits::Window;

impl Count {
    /// The milliseconds until nothing counts any more, if nothing is added and what a bucket holds is
    /// settled now as it was reserved.
    pub(crate) fn resets_after(&self, window: Window, limit: u64, now: u64) -> u64 {
        let counted = self.counted();
        match window {
            _ if self.is_empty() => 0,
            Window::Fixed(period) => end(period, now) - now,
            Window::Sliding(length) => {
                let length = Span::of(length);
                let stretches = if counted > 0 { 2 } else { 1 };
                ((self.start + stretches) * length.length * length.unit).saturating_sub(now)
            }
            Window::Bucket { per, .. } => self.filled_after(Span::of(per), limit, counted, now),
        }
    }

    /// The milliseconds until there may be room for `amount`. If there never is, those until nothing
    /// counts any more.
    pub(crate) fn retry_after(&self, window: Window, limit: u64, amount: u64, now: u64) -> u64 {
        let need = need(amount);
        let capacity = capacity(window, limit);
        let Some(allowed) = capacity.checked_sub(need) else {
            return self.resets_after(window, limit, now);
        };
        if self.in_use(window, now) <= allowed {
            return 0;
        }
        let counted = self.counted();
        match window {
            Window::Fixed(period) => end(period, now) - now,
            Window::Sliding(length) => {
                let length = Span::of(length);
                // The time at which the share of `count` in the window has shrunk to `room`.
                let shrunk = |count: u64, room: u64, stretch: u64| {
                    let rest = match multiplied(room, length.length).checked_div(u128::from(count))
                    {
                        Some(rest) => saturated(rest).min(length.length),
                        None => length.length,
                    };
                    ((stretch + 1) * length.length - rest) * length.unit
                };
                let when = match allowed.checked_sub(counted) {
                    Some(room) => shrunk(self.before, room, self.start),
                    None => shrunk(counted, allowed, self.start + 1),
                };
                when.saturating_sub(now)
            }
            Window::Bucket { per, .. } => {
                self.filled_after(Span::of(per), limit, counted - allowed, now)
            }
        }
    }

    /// The milliseconds until a bucket has gained `gain`. One that nothing flows into never does: ask
    /// again after its `per`.
    fn filled_after(&self, per: Span, limit: u64, gain: u64, now: u64) -> u64 {
        let units = match gain.checked_mul(per.length) {
            _ if limit == 0 => per.length,
            Some(needed) => needed.saturating_sub(self.before).div_ceil(limit),
            None => saturated(
                multiplied(gain, per.length)
                    .saturating_sub(u128::from(self.before))
                    .div_ceil(u128::from(limit)),
            ),
        };
        self.start.saturating_add(units).saturating_mul(per.unit).saturating_sub(now)
    }
}
