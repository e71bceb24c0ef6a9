//! Bounds the memory of decoders' windows.
//!
//! A window is reserved as soon as a stream declares it, which costs only address space. It uses
//! memory as it fills, so this counts the decoded bytes, up to the size of the window.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::usage::Problem;

/// The maximum window memory of one decoder, in bytes. It suffices for zstd up to level 15, for the
/// usual brotli encoders, and for all shorter bodies. Beyond it, metering of the body stops.
pub(crate) const OF_ONE: usize = 4 << 20;
/// The maximum window memory of all decoders of the process. Beyond it, metering of bodies that
/// need more stops.
const OF_ALL: usize = 64 << 20;
/// Memory is reserved in steps of this size, so reservations are rare.
const STEP: usize = 64 * 1024;

static ALL: Budget = Budget::new(OF_ALL);

/// A shared number of bytes.
#[derive(Debug)]
struct Budget {
    limit: usize,
    taken: AtomicUsize,
}

impl Budget {
    const fn new(limit: usize) -> Self {
        Self { limit, taken: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> bool {
        let more = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= self.limit);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The share of one decoder.
#[derive(Debug)]
pub(super) struct Window {
    budget: &'static Budget,
    taken: usize,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self { budget: &ALL, taken: 0 }
    }

    /// Records the current size of the window.
    pub(super) fn fill(&mut self, bytes: u64) -> Result<(), Problem> {
        let bytes = usize::try_from(bytes).map_err(|_| Problem::Overflow)?;
        if bytes <= self.taken {
            return Ok(());
        }
        if bytes > OF_ONE {
            return Err(Problem::Overflow);
        }
        let more = bytes.next_multiple_of(STEP) - self.taken;
        if !self.budget.take(more) {
            return Err(Problem::Overflow);
        }
        self.taken += more;
        Ok(())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.budget.give_back(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_decoder_is_bounded_and_so_are_all_together() {
        static BUDGET: Budget = Budget::new(6 << 20);
        let window = || Window { budget: &BUDGET, taken: 0 };
        let (mut one, mut other) = (window(), window());
        assert_eq!(one.fill(4 << 20), Ok(()));
        assert_eq!(one.fill((4 << 20) + 1), Err(Problem::Overflow));
        assert_eq!(other.fill(1), Ok(()));
        assert_eq!(other.fill(2 << 20), Ok(()));
        assert_eq!(other.fill((2 << 20) + 1), Err(Problem::Overflow), "there is no more");
        drop(one);
        assert_eq!(other.fill(4 << 20), Ok(()), "who ends gives back");
        drop(other);
        assert_eq!(BUDGET.taken.load(Ordering::Relaxed), 0);
    }
}
