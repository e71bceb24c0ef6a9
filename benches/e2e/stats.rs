//! From the samples of all rounds to a median and how far they lie apart.

/// What one window told of one target.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Requests, or events of streams, per second.
    pub(crate) rate: f64,
    pub(crate) p50_ns: f64,
    pub(crate) p99_ns: f64,
    /// Seconds of CPU per 1,000 requests.
    pub(crate) cpu: f64,
    /// The share of its core that it used.
    pub(crate) busy: f64,
    pub(crate) rss_kib: f64,
    /// The share of all cores that other work had meanwhile.
    pub(crate) others: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one value.
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

    /// Of one thing in all samples.
    pub(crate) fn over(samples: &[Sample], what: impl Fn(&Sample) -> f64) -> Self {
        Self::of(samples.iter().map(what))
    }

    /// Of the ratio in each round: what slows the whole machine for a while slows both.
    pub(crate) fn ratio(
        samples: &[Sample],
        floor: &[Sample],
        what: impl Fn(&Sample) -> f64,
    ) -> Self {
        Self::of(samples.iter().zip(floor).map(|(sample, floor)| what(sample) / what(floor)))
    }

    /// Of the difference in each round.
    pub(crate) fn difference(
        samples: &[Sample],
        floor: &[Sample],
        what: impl Fn(&Sample) -> f64,
    ) -> Self {
        Self::of(samples.iter().zip(floor).map(|(sample, floor)| what(sample) - what(floor)))
    }
}
