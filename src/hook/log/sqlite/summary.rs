//! Sums and percentiles over a time range.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use serde::Serialize;

use super::filter::Filter;
use super::query::LogQuery;
use super::{StoreError, TICKS_PER_USD};

/// The most buckets of a summary.
const MOST_BUCKETS: u64 = 500;
/// The most models of a summary, and the most subjects and values of a label: those with the most
/// requests.
const MOST_MODELS: usize = 200;

/// What is to be summed up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SummaryQuery {
    /// Arrived at this instant or later.
    pub from: Timestamp,
    /// Arrived before this instant.
    pub to: Timestamp,
    /// How long a bucket is, to the millisecond. A range has at most 500.
    pub bucket: Duration,
    /// The provider's slug.
    pub provider: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The subject of the identity that the host gave the requests.
    pub subject: Option<String>,
    /// Labels that this identity has, all of them.
    pub labels: Vec<(String, String)>,
    /// The label by whose values [`Summary::labels`] are summed up.
    pub by_label: Option<String>,
}

impl SummaryQuery {
    /// All providers, models and callers.
    #[must_use]
    pub fn new(from: Timestamp, to: Timestamp, bucket: Duration) -> Self {
        Self {
            from,
            to,
            bucket,
            provider: None,
            model: None,
            subject: None,
            labels: Vec::new(),
            by_label: None,
        }
    }
}

/// Sums over a time range: of all, by time, by model, and by who was calling.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The beginning of the range, in milliseconds since 1970.
    pub from: i64,
    /// The end of the range, which is not in it, in milliseconds since 1970.
    pub to: i64,
    /// How long a bucket is, in milliseconds.
    pub bucket: u64,
    /// Of all records in the range.
    pub totals: Totals,
    /// By time of arrival, without gaps. The last may reach beyond the range and has nothing of
    /// what is there.
    pub buckets: Vec<Bucket>,
    /// By provider and model: up to 200, those with the most requests first.
    pub models: Vec<ModelTotals>,
    /// By the subject of the identity: up to 200, those with the most requests first. Requests
    /// without an identity are in none of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<SubjectTotals>,
    /// By the values of the label that was [asked for](SummaryQuery::by_label): up to 200, those
    /// with the most requests first. Requests without this label are in none of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelTotals>,
}

/// Sums of one bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Bucket {
    /// Its beginning, in milliseconds since 1970.
    pub start: i64,
    /// Of the records that arrived in it.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Sums of one subject.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SubjectTotals {
    /// The subject.
    pub subject: String,
    /// Of its records.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Sums of one value of a label.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LabelTotals {
    /// The value.
    pub value: String,
    /// Of the records that have it.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Sums of one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelTotals {
    /// The provider's slug.
    pub provider: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Of its records.
    #[serde(flatten)]
    pub totals: Totals,
}

/// What some records come to. Sums end at the largest number instead of starting anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Records.
    pub requests: u64,
    /// Neither successful nor rejected nor cancelled.
    pub errors: u64,
    /// Refused by the gateway.
    pub rejected: u64,
    /// Abandoned by the client.
    pub cancelled: u64,
    /// Answered by an event stream.
    pub streams: u64,
    /// Answered from a cache.
    pub cached: u64,
    /// `cached` by `requests`.
    pub cache_rate: Option<f64>,
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// Images in responses. Left out where there is none, as are the next four.
    #[serde(skip_serializing_if = "is_none")]
    pub images: u64,
    /// Milliseconds of audio and video that are billed by time.
    #[serde(skip_serializing_if = "is_none")]
    pub duration_ms: u64,
    /// Characters that are billed.
    #[serde(skip_serializing_if = "is_none")]
    pub characters: u64,
    /// Searches of rerankers.
    #[serde(skip_serializing_if = "is_none")]
    pub search_units: u64,
    /// Pages that were read.
    #[serde(skip_serializing_if = "is_none")]
    pub pages: u64,
    /// Costs in ticks: 1 USD = 10^10 ticks.
    pub cost_ticks: u64,
    /// Costs in USD, for display.
    pub cost: f64,
    /// Records whose cost is in neither sum, for nobody knows it.
    pub cost_unknown: u64,
    /// From arrival to end, of all records.
    pub latency_ms: Percentiles,
    /// From arrival to the first content of a stream, of the records that have one.
    pub ttft_ms: Percentiles,
}

/// The least values that 50, 90 and 99 % do not exceed, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Percentiles {
    /// The median.
    pub p50: Option<f64>,
    /// Nine tenths.
    pub p90: Option<f64>,
    /// All but a hundredth.
    pub p99: Option<f64>,
}

// The form that serde wants.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none(number: &u64) -> bool {
    *number == 0
}

pub(super) fn summary(
    connection: &Connection,
    query: &SummaryQuery,
) -> Result<Summary, StoreError> {
    let (from, to) = (query.from.as_millisecond(), query.to.as_millisecond());
    let bucket = u64::try_from(query.bucket.as_millis()).unwrap_or(u64::MAX);
    if from >= to || bucket == 0 {
        return Err(StoreError::Invalid("`from` is before `to`, and `bucket` at least 1 ms"));
    }
    let count = to.abs_diff(from).div_ceil(bucket);
    if count > MOST_BUCKETS {
        return Err(StoreError::Invalid("a summary has at most 500 buckets"));
    }

    let filter = Filter::from(&LogQuery {
        from: Some(query.from),
        to: Some(query.to),
        provider: query.provider.clone(),
        model: query.model.clone(),
        subject: query.subject.clone(),
        labels: query.labels.clone(),
        ..LogQuery::default()
    });
    let label = match query.by_label {
        Some(_) => "(SELECT value FROM labels WHERE labels.seq = logs.seq AND key = ?)",
        None => "NULL",
    };
    let mut statement = connection.prepare_cached(&filter.sql(&format!(
        "SELECT created_at, provider, model, outcome, success, stream, cached, tokens_in,
            tokens_out, cost_ticks, cost_unknown, duration, first_token, images, duration_ms,
            characters, search_units, pages, subject, {label} FROM logs",
    )))?;
    let label = query.by_label.clone().map(Value::from);
    let mut rows =
        statement.query(params_from_iter(label.into_iter().chain(filter.into_values())))?;
    let mut all = Tally::default();
    let mut buckets: Vec<_> = (0..count).map(|_| Tally::default()).collect();
    let mut models = BTreeMap::<(Option<String>, Option<String>), Tally>::new();
    let mut subjects = BTreeMap::<String, Tally>::new();
    let mut labels = BTreeMap::<String, Tally>::new();
    while let Some(row) = rows.next()? {
        let entry = Entry::read(row)?;
        let at = entry.created_at.abs_diff(from) / bucket;
        if let Some(tally) = buckets.get_mut(at as usize) {
            tally.add(&entry);
        }
        models.entry((row.get(1)?, row.get(2)?)).or_default().add(&entry);
        for (sums, column) in [(&mut subjects, 18), (&mut labels, 19)] {
            if let Some(name) = row.get(column)? {
                sums.entry(name).or_default().add(&entry);
            }
        }
        all.add(&entry);
    }

    let starts = (0..count).map(|number| from.saturating_add_unsigned(number * bucket));
    let buckets =
        starts.zip(buckets).map(|(start, tally)| Bucket { start, totals: tally.totals() });
    let mut models: Vec<_> = models
        .into_iter()
        .map(|((provider, model), tally)| ModelTotals { provider, model, totals: tally.totals() })
        .collect();
    models.sort_by_key(|model| std::cmp::Reverse(model.totals.requests));
    models.truncate(MOST_MODELS);
    let subjects = busiest(subjects).map(|(subject, totals)| SubjectTotals { subject, totals });
    let labels = busiest(labels).map(|(value, totals)| LabelTotals { value, totals });
    Ok(Summary {
        from,
        to,
        bucket,
        totals: all.totals(),
        buckets: buckets.collect(),
        models,
        subjects: subjects.collect(),
        labels: labels.collect(),
    })
}

/// Those with the most requests, as many as a summary has.
fn busiest(sums: BTreeMap<String, Tally>) -> impl Iterator<Item = (String, Totals)> {
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.totals.requests));
    sums.into_iter().take(MOST_MODELS).map(|(name, tally)| (name, tally.totals()))
}

/// The columns of one record that are summed up.
struct Entry {
    created_at: i64,
    is_rejected: bool,
    is_cancelled: bool,
    success: bool,
    stream: bool,
    cached: bool,
    tokens_in: u64,
    tokens_out: u64,
    cost_ticks: u64,
    cost_unknown: bool,
    duration: f64,
    first_token: Option<f64>,
    images: u64,
    duration_ms: u64,
    characters: u64,
    search_units: u64,
    pages: u64,
}

impl Entry {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let outcome = row.get_ref(3)?.as_str()?;
        let number = |column| {
            row.get::<_, Option<i64>>(column)
                .map(|number| number.unwrap_or_default().unsigned_abs())
        };
        Ok(Self {
            created_at: row.get(0)?,
            is_rejected: outcome == "rejected",
            is_cancelled: outcome == "cancelled",
            success: row.get(4)?,
            stream: row.get(5)?,
            cached: row.get(6)?,
            tokens_in: number(7)?,
            tokens_out: number(8)?,
            cost_ticks: number(9)?,
            cost_unknown: row.get(10)?,
            duration: row.get(11)?,
            first_token: row.get(12)?,
            images: number(13)?,
            duration_ms: number(14)?,
            characters: number(15)?,
            search_units: number(16)?,
            pages: number(17)?,
        })
    }
}

#[derive(Default)]
struct Tally {
    totals: Totals,
    durations: Vec<f64>,
    first_tokens: Vec<f64>,
}

impl Tally {
    fn add(&mut self, entry: &Entry) {
        let totals = &mut self.totals;
        totals.requests += 1;
        totals.rejected += u64::from(entry.is_rejected);
        totals.cancelled += u64::from(entry.is_cancelled);
        totals.errors += u64::from(!entry.success && !entry.is_rejected && !entry.is_cancelled);
        totals.streams += u64::from(entry.stream);
        totals.cached += u64::from(entry.cached);
        for (sum, number) in [
            (&mut totals.tokens_in, entry.tokens_in),
            (&mut totals.tokens_out, entry.tokens_out),
            (&mut totals.images, entry.images),
            (&mut totals.duration_ms, entry.duration_ms),
            (&mut totals.characters, entry.characters),
            (&mut totals.search_units, entry.search_units),
            (&mut totals.pages, entry.pages),
            (&mut totals.cost_ticks, entry.cost_ticks),
        ] {
            *sum = sum.saturating_add(number);
        }
        totals.cost_unknown += u64::from(entry.cost_unknown);
        self.durations.push(entry.duration);
        self.first_tokens.extend(entry.first_token);
    }

    fn totals(self) -> Totals {
        let Totals { requests, cached, cost_ticks, .. } = self.totals;
        Totals {
            cache_rate: (requests > 0).then(|| cached as f64 / requests as f64),
            cost: cost_ticks as f64 / TICKS_PER_USD,
            latency_ms: Percentiles::of(self.durations),
            ttft_ms: Percentiles::of(self.first_tokens),
            ..self.totals
        }
    }
}

impl Percentiles {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        // Nearest rank: a value that was measured, not one between two.
        let rank = |percent: usize| (values.len() * percent).div_ceil(100).checked_sub(1);
        let value = |percent| rank(percent).and_then(|rank| values.get(rank).copied());
        Self { p50: value(50), p90: value(90), p99: value(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let of = |values: Vec<f64>| {
            let Percentiles { p50, p90, p99 } = Percentiles::of(values);
            [p50, p90, p99].map(|value| value.unwrap_or(-1.0))
        };
        assert_eq!(of(vec![]), [-1.0, -1.0, -1.0]);
        assert_eq!(of(vec![7.0]), [7.0, 7.0, 7.0]);
        assert_eq!(of(vec![3.0, 1.0, 2.0]), [2.0, 3.0, 3.0]);
        assert_eq!(of((1..=100).rev().map(f64::from).collect()), [50.0, 90.0, 99.0]);
        assert_eq!(of((1..=200).map(f64::from).collect()), [100.0, 180.0, 198.0]);
    }
}
