//! A histogram of times with a resolution of 1/32.

use std::time::Duration;

/// The number of bits of a value that its bucket keeps after the highest one.
const BITS: u32 = 5;
const BUCKETS: usize = (64 - BITS as usize + 1) << BITS;

pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The percentile in nanoseconds: the middle of its bucket.
    pub(crate) fn percentile(&self, percent: u64) -> u64 {
        let rank = (self.total * percent).div_ceil(100);
        let mut below = 0;
        for (index, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= rank && below > 0 {
                return middle(index);
            }
        }
        0
    }
}

/// Values below 2^[`BITS`] have a bucket each; above that, each doubling has 2^[`BITS`] buckets.
fn bucket(value: u64) -> usize {
    let shift = (63 - (value | 1).leading_zeros()).saturating_sub(BITS);
    ((shift as usize) << BITS) + (value >> shift) as usize
}

fn middle(bucket: usize) -> u64 {
    let shift = (bucket >> BITS).saturating_sub(1) as u32;
    let start = ((bucket - ((shift as usize) << BITS)) as u64) << shift;
    start + (1 << shift) / 2
}
