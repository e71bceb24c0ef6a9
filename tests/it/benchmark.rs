//! The statistics of the benchmark of whole processes (`benches/e2e`).

#[path = "../../benches/e2e/load/histogram.rs"]
mod histogram;
#[path = "../../benches/e2e/numbers.rs"]
mod numbers;
#[allow(dead_code)]
#[path = "../../benches/e2e/stats.rs"]
mod stats;

use std::time::Duration;

use histogram::Histogram;
use proptest::prelude::*;
use stats::Spread;

fn percentiles(nanos: &[u64]) -> [u64; 4] {
    let mut times = Histogram::new();
    nanos.iter().for_each(|nanos| times.record(Duration::from_nanos(*nanos)));
    assert_eq!(times.total(), nanos.len() as u64);
    [1, 50, 99, 100].map(|percent| times.percentile(percent))
}

proptest! {
    #[test]
    fn percentiles_are_those_of_the_sorted_times(
        mut nanos in prop::collection::vec(prop_oneof![0..100_u64, 0..10_000_000_000_u64, any::<u64>()], 1..300),
    ) {
        let found = percentiles(&nanos);
        nanos.sort_unstable();
        for (percent, found) in [1, 50, 99, 100].into_iter().zip(found) {
            let exact = nanos[(nanos.len() * percent).div_ceil(100) - 1];
            prop_assert!(found.abs_diff(exact) <= exact / 32, "{percent}: {found} for {exact}");
        }
    }
}

#[test]
fn no_times_have_no_percentile() {
    assert_eq!(percentiles(&[]), [0; 4]);
}

#[test]
fn a_spread_has_the_middle_and_both_ends() {
    let spread = |values: &[f64]| {
        let Spread { median, min, max } = Spread::of(values.iter().copied());
        [median, min, max]
    };
    assert_eq!(spread(&[3.0]), [3.0, 3.0, 3.0]);
    assert_eq!(spread(&[5.0, 1.0, 2.0]), [2.0, 1.0, 5.0]);
    assert_eq!(spread(&[4.0, 1.0, 2.0, 8.0]), [3.0, 1.0, 8.0]);
}

#[test]
fn numbers_and_times_are_easy_to_read() {
    let numbers = [0.4, 999.0, 1000.0, 1_234_567.0].map(numbers::grouped);
    assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
    let times = [56_400.0, 1_234_000.0, 12_340_000.0].map(numbers::time);
    assert_eq!(times, ["56 µs", "1.23 ms", "12.3 ms"]);
}
