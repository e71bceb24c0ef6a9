//! Counts the calls of the recent past in bounded memory.

use std::time::Duration;

use tokio::time::Instant;

/// The number of parts of a window.
pub(super) const PARTS: u64 = 10;

/// Counts calls by the tenth of the window in which their result came.
#[derive(Debug)]
pub(super) struct Window {
    origin: Instant,
    /// The length of a part, in nanoseconds.
    part: u64,
    /// The newest part written so far, counted from the origin.
    newest: u64,
    buckets: [Bucket; PARTS as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    slot: u64,
    calls: u32,
    failed: u32,
}

impl Window {
    pub(super) fn new(length: Duration, now: Instant) -> Self {
        let part = (nanos(length) / PARTS).max(1);
        Self { origin: now, part, newest: 0, buckets: Default::default() }
    }

    /// Counts a call and returns its part.
    pub(super) fn count(&mut self, has_failed: bool, now: Instant) -> u64 {
        let slot = self.slot(now);
        self.newest = slot;
        let bucket = self.bucket(slot);
        if bucket.slot != slot {
            *bucket = Bucket { slot, ..Bucket::default() };
        }
        bucket.calls = bucket.calls.saturating_add(1);
        bucket.failed = bucket.failed.saturating_add(u32::from(has_failed));
        slot
    }

    /// Takes back a call that did not fail.
    pub(super) fn uncount(&mut self, slot: u64) {
        let bucket = self.bucket(slot);
        if bucket.slot == slot {
            bucket.calls = bucket.calls.saturating_sub(1);
        }
    }

    /// The number of calls, and of those that failed.
    pub(super) fn sums(&self, now: Instant) -> (u32, u32) {
        let newest = self.slot(now);
        let live = self.buckets.iter().filter(|bucket| bucket.slot + PARTS > newest);
        live.fold((0, 0), |(calls, failed), bucket| {
            (calls.saturating_add(bucket.calls), failed.saturating_add(bucket.failed))
        })
    }

    /// A time that another thread read slightly earlier counts as the newest.
    fn slot(&self, now: Instant) -> u64 {
        let passed = nanos(now.saturating_duration_since(self.origin));
        (passed / self.part).max(self.newest)
    }

    fn bucket(&mut self, slot: u64) -> &mut Bucket {
        &mut self.buckets[(slot % PARTS) as usize]
    }
}

/// Enough for centuries, and divides faster than 128 bits.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_for_the_length_of_the_window_exact_to_a_tenth() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut window = Window::new(Duration::from_secs(30), start);
        window.count(true, at(2));
        window.count(false, at(3));
        assert_eq!(window.sums(at(29)), (2, 1));
        assert_eq!(window.sums(at(30)), (1, 0));
        assert_eq!(window.sums(at(33)), (0, 0));
        // An expired part must not be decremented in its successor.
        let slot = window.count(false, at(35));
        window.count(false, at(65));
        window.uncount(slot);
        assert_eq!(window.sums(at(65)), (1, 0));
    }

    #[test]
    fn a_time_that_another_thread_took_earlier_counts_as_the_newest() {
        let start = Instant::now();
        let mut window = Window::new(Duration::from_secs(30), start);
        let (earlier, later) = (start + Duration::from_secs(5), start + Duration::from_secs(35));
        window.count(true, later);
        window.count(true, earlier);
        assert_eq!(window.sums(later), (2, 2));
        assert_eq!(window.sums(earlier), (2, 2));
    }
}
