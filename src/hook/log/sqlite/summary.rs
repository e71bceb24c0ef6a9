//! Sums and percentiles over a time range.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use super::LogStoreError;
use super::filter::{Filter, integer};
use super::percentiles::NearestRank;
use super::query::LogQuery;
use super::totals::{Totals, sums};

/// The maximum number of buckets in a summary.
const MOST_BUCKETS: u64 = 500;
/// The maximum number of models, subjects and label values in a summary. Those with the most
/// requests are kept.
const MOST_MODELS: u64 = 200;

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

/// The cross join makes SQLite read the records of the range and look up their labels, instead of reading
/// all records with the label.
pub(super) const WITH_LABELS: &str = "logs CROSS JOIN labels USING (seq)";

pub(super) fn summary(
    connection: &Connection,
    query: &SummaryQuery,
) -> Result<Summary, LogStoreError> {
    let (from, to) = (query.from.as_millisecond(), query.to.as_millisecond());
    let bucket = u64::try_from(query.bucket.as_millis()).unwrap_or(u64::MAX);
    if from >= to || bucket == 0 {
        return Err(LogStoreError::Invalid("`from` is before `to`, and `bucket` at least 1 ms"));
    }
    let count = to.abs_diff(from).div_ceil(bucket);
    if count > MOST_BUCKETS {
        return Err(LogStoreError::Invalid("a summary has at most 500 buckets"));
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
    NearestRank::register(connection)?;
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
            let filter = filter.and("key = ?", [label.clone().into()]);
            sums(&snapshot, WITH_LABELS, &filter, "value", MOST_MODELS, |row, totals| {
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
