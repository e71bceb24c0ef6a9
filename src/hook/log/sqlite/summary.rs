//! Sums and percentiles over a time range.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::{Connection, Row, params_from_iter};
use serde::{Deserialize, Serialize};

use super::columns::milliseconds;
use super::filter::{Filter, integer};
use super::query::LogQuery;
use super::{StoreError, TICKS_PER_USD};

/// The maximum number of buckets in a summary.
const MOST_BUCKETS: u64 = 500;
/// The maximum number of models, subjects and label values in a summary. Those with the most
/// requests are kept.
const MOST_MODELS: u64 = 200;
/// The columns that are added up.
const SUMMED: [&str; 8] = [
    "tokens_in",
    "tokens_out",
    "images",
    "duration_ms",
    "characters",
    "search_units",
    "pages",
    "cost_ticks",
];

/// Selects the records to sum up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SummaryQuery {
    /// Arrived at this instant or later.
    pub from: Timestamp,
    /// Arrived before this instant.
    pub to: Timestamp,
    /// The length of a bucket, to the millisecond. A range may have at most 500 buckets.
    pub bucket: Duration,
    /// The provider's slug.
    pub provider: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The subject of the requests' identity.
    pub subject: Option<String>,
    /// Labels that the identity must have.
    pub labels: Vec<(String, String)>,
    /// The label by which [`Summary::labels`] is grouped.
    pub by_label: Option<String>,
}

impl SummaryQuery {
    /// A summary of all providers, models and callers.
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

/// Sums over a time range: in total, by time, by model and by caller.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The start of the range, in milliseconds since 1970.
    pub from: i64,
    /// The exclusive end of the range, in milliseconds since 1970.
    pub to: i64,
    /// The length of a bucket, in milliseconds.
    pub bucket: u64,
    /// The sums of all records in the range.
    pub totals: Totals,
    /// By time of arrival, without gaps. The last bucket may extend past the range, but contains
    /// only records within it.
    pub buckets: Vec<Bucket>,
    /// By provider and model: up to 200, most requests first.
    pub models: Vec<ModelTotals>,
    /// By the subject of the identity: up to 200, most requests first. Requests without an identity
    /// are not included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<SubjectTotals>,
    /// By the values of the [requested label](SummaryQuery::by_label): up to 200, most requests
    /// first. Requests without this label are not included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelTotals>,
}

/// Sums of one bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Bucket {
    /// The start of the bucket, in milliseconds since 1970.
    pub start: i64,
    /// The sums of the records that arrived in it.
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
    /// The sums of the records with this value.
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

/// The sums of some records. They saturate instead of overflowing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// The number of records.
    pub requests: u64,
    /// Records that are neither successful, rejected nor cancelled.
    pub errors: u64,
    /// Records of requests that the gateway refused.
    pub rejected: u64,
    /// Records of requests that the client abandoned.
    pub cancelled: u64,
    /// Records of event streams.
    pub streams: u64,
    /// Records of answers from a cache.
    pub cached: u64,
    /// `cached` divided by `requests`.
    pub cache_rate: Option<f64>,
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// Images in responses. Omitted from JSON if zero, as are the next four.
    #[serde(skip_serializing_if = "is_none")]
    pub images: u64,
    /// Milliseconds of audio and video billed by time.
    #[serde(skip_serializing_if = "is_none")]
    pub duration_ms: u64,
    /// Billed characters.
    #[serde(skip_serializing_if = "is_none")]
    pub characters: u64,
    /// Searches of rerankers.
    #[serde(skip_serializing_if = "is_none")]
    pub search_units: u64,
    /// Processed pages.
    #[serde(skip_serializing_if = "is_none")]
    pub pages: u64,
    /// Costs in ticks: 1 USD = 10^10 ticks.
    pub cost_ticks: u64,
    /// Costs in USD, for display.
    pub cost: f64,
    /// Records with an unknown cost, which is in neither sum.
    pub cost_unknown: u64,
    /// The time from arrival to end, of all records.
    pub latency_ms: Percentiles,
    /// The time from arrival to the first content of a stream, of the records that have one.
    pub ttft_ms: Percentiles,
}

/// Percentiles in milliseconds: the smallest measured value that at least 50, 90 or 99 % do not
/// exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Percentiles {
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
}

// serde's `skip_serializing_if` passes a reference.
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
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_aggregate_function("percentiles", 1, flags, NearestRank)?;
    // Read everything from one snapshot, so that all sums cover the same records.
    let snapshot = connection.unchecked_transaction()?;

    let totals = sums(&snapshot, "logs", &filter, "NULL", 1, |_, totals| Ok(totals))?;
    let by_time = format!("(created_at - {from}) / {}", integer(bucket));
    let by_time = sums(&snapshot, "logs", &filter, &by_time, MOST_BUCKETS, |row, totals| {
        Ok((row.get(0)?, totals))
    })?;
    let mut by_time: BTreeMap<i64, Totals> = by_time.into_iter().collect();
    let buckets = (0..count).map(|number| Bucket {
        start: from.saturating_add_unsigned(number * bucket),
        totals: by_time.remove(&integer(number)).unwrap_or_default(),
    });
    let by_model = "provider, model";
    let models = sums(&snapshot, "logs", &filter, by_model, MOST_MODELS, |row, totals| {
        Ok(ModelTotals { provider: row.get(0)?, model: row.get(1)?, totals })
    })?;
    let known = filter.clone().and("subject IS NOT NULL", []);
    let subjects = sums(&snapshot, "logs", &known, "subject", MOST_MODELS, |row, totals| {
        Ok(SubjectTotals { subject: row.get(0)?, totals })
    })?;
    let labels = match &query.by_label {
        Some(label) => {
            let from = "logs JOIN labels USING (seq)";
            let filter = filter.and("key = ?", [label.clone().into()]);
            sums(&snapshot, from, &filter, "value", MOST_MODELS, |row, totals| {
                Ok(LabelTotals { value: row.get(0)?, totals })
            })?
        }
        None => Vec::new(),
    };
    Ok(Summary {
        from,
        to,
        bucket,
        totals: totals.into_iter().next().unwrap_or_default(),
        buckets: buckets.collect(),
        models,
        subjects,
        labels,
    })
}

/// The sums of each group of records: at most `most` groups, most requests first.
fn sums<T>(
    connection: &Connection,
    from: &str,
    filter: &Filter,
    group: &str,
    most: u64,
    read: impl Fn(&Row<'_>, Totals) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    // A sum may exceed SQLite's integers, so add up the upper and lower 32 bits separately.
    let halves = SUMMED.map(|column| {
        format!("sum({column} >> 32) AS {column}_high, sum({column} & 0xffffffff) AS {column}_low")
    });
    let sql = format!(
        "{} GROUP BY {group} ORDER BY requests DESC, {group} LIMIT {most}",
        filter.sql(&format!(
            "SELECT {group}, {}, count(*) AS requests, sum(outcome = 'rejected') AS rejected,
                sum(outcome = 'cancelled') AS cancelled, sum(stream) AS streams,
                sum(NOT success AND outcome NOT IN ('rejected', 'cancelled')) AS errors,
                sum(cached) AS cached, sum(cost_unknown) AS cost_unknown,
                percentiles(duration) AS latency_ms, percentiles(first_token) AS ttft_ms
             FROM {from}",
            halves.join(", ")
        ))
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(filter.values()))?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        groups.push(read(row, totals(row)?)?);
    }
    Ok(groups)
}

fn totals(row: &Row<'_>) -> Result<Totals, StoreError> {
    let count = |column: &str| -> rusqlite::Result<u64> {
        Ok(row.get::<_, Option<i64>>(column)?.unwrap_or_default().unsigned_abs())
    };
    let sum = |column: &str| -> rusqlite::Result<u64> {
        let high = count(&format!("{column}_high"))?.saturating_mul(1 << 32);
        Ok(high.saturating_add(count(&format!("{column}_low"))?))
    };
    let percentiles = |column: &str| -> Result<Percentiles, StoreError> {
        Ok(serde_json::from_str(&row.get::<_, String>(column)?)?)
    };
    let (requests, cached, cost_ticks) = (count("requests")?, count("cached")?, sum("cost_ticks")?);
    Ok(Totals {
        requests,
        errors: count("errors")?,
        rejected: count("rejected")?,
        cancelled: count("cancelled")?,
        streams: count("streams")?,
        cached,
        cache_rate: (requests > 0).then(|| cached as f64 / requests as f64),
        tokens_in: sum("tokens_in")?,
        tokens_out: sum("tokens_out")?,
        images: sum("images")?,
        duration_ms: sum("duration_ms")?,
        characters: sum("characters")?,
        search_units: sum("search_units")?,
        pages: sum("pages")?,
        cost_ticks,
        cost: cost_ticks as f64 / TICKS_PER_USD,
        cost_unknown: count("cost_unknown")?,
        latency_ms: percentiles("latency_ms")?,
        ttft_ms: percentiles("ttft_ms")?,
    })
}

/// The SQL aggregate `percentiles(column)` of nanoseconds, which returns JSON in milliseconds. With window functions,
/// SQLite would sort all records twice per grouping and take several times as long.
struct NearestRank;

impl Aggregate<Vec<i64>, String> for NearestRank {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Vec<i64>> {
        Ok(Vec::new())
    }

    fn step(&self, row: &mut Context<'_>, values: &mut Vec<i64>) -> rusqlite::Result<()> {
        values.extend(row.get::<Option<i64>>(0)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, values: Option<Vec<i64>>) -> rusqlite::Result<String> {
        let percentiles = Percentiles::of(values.unwrap_or_default());
        serde_json::to_string(&percentiles)
            .map_err(|error| rusqlite::Error::UserFunctionError(error.into()))
    }
}

impl Percentiles {
    /// Percentiles of values in nanoseconds.
    fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        // Nearest rank: always a measured value, never one between two.
        let rank = |percent: usize| (values.len() * percent).div_ceil(100).checked_sub(1);
        let value = |percent| {
            rank(percent).and_then(|rank| values.get(rank)).map(|value| milliseconds(*value))
        };
        Self { p50: value(50), p90: value(90), p99: value(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let of = |values: Vec<i64>| {
            let nanoseconds = values.into_iter().map(|value| value * 1_000_000).collect();
            let Percentiles { p50, p90, p99 } = Percentiles::of(nanoseconds);
            [p50, p90, p99].map(|value| value.unwrap_or(-1.0))
        };
        assert_eq!(of(vec![]), [-1.0, -1.0, -1.0]);
        assert_eq!(of(vec![7]), [7.0, 7.0, 7.0]);
        assert_eq!(of(vec![3, 1, 2]), [2.0, 3.0, 3.0]);
        assert_eq!(of((1..=100).rev().collect()), [50.0, 90.0, 99.0]);
        assert_eq!(of((1..=200).collect()), [100.0, 180.0, 198.0]);
    }
}
