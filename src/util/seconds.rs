//! Whole seconds, for headers and settings that count in them.

use std::time::Duration;

/// The time in whole seconds, rounded up.
pub(crate) fn rounded_up(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_counts_as_a_whole_one() {
        for (ms, seconds) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)] {
            assert_eq!(rounded_up(Duration::from_millis(ms)), seconds, "{ms}");
        }
        assert_eq!(rounded_up(Duration::MAX), u64::MAX);
    }
}
