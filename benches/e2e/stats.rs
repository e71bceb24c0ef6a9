//! Medians and spreads of the samples of all rounds.

/// The result of a window for a target.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Requests or stream events per second.
    pub(crate) rate: f64,
    pub(crate) p50_ns: f64,
    pub(crate) p99_ns: f64,
    /// CPU seconds per 1,000 requests.
    pub(crate) cpu: f64,
    /// The used share of its core.
    pub(crate) busy: f64,
    pub(crate) rss_kib: f64,
    /// The number of answered requests, within the window or not.
    pub(crate) answered: u64,
    /// The share of all cores that other processes used in the window.
    pub(crate) others: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (at, last) =
            (|index: usize| values.get(index).copied(), values.len().saturating_sub(1));
        let middle = [at(last / 2), at(last.div_ceil(2))].map(Option::unwrap_or_default);
        Self {
            median: middle.iter().sum::<f64>() / 2.0,
            min: at(0).unwrap_or_default(),
            max: at(last).unwrap_or_default(),
        }
    }

    /// The spread of a figure in all samples.
    pub(crate) fn over(samples: &[Sample], what: impl Fn(&Sample) -> f64) -> Self {
        Self::of(samples.iter().map(what))
    }

    /// The spread of the ratios per round: if the whole machine is slow for a while, both are.
    pub(crate) fn ratio(
        samples: &[Sample],
        floor: &[Sample],
        what: impl Fn(&Sample) -> f64,
    ) -> Self {
        Self::of(samples.iter().zip(floor).map(|(sample, floor)| what(sample) / what(floor)))
    }

    /// The spread of the differences per round.
    pub(crate) fn difference(
        samples: &[Sample],
        floor: &[Sample],
        what: impl Fn(&Sample) -> f64,
    ) -> Self {
        Self::of(samples.iter().zip(floor).map(|(sample, floor)| what(sample) - what(floor)))
    }
}
