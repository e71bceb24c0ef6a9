//! The sums of some records, as SQLite adds them up.

use rusqlite::{Connection, Row, params_from_iter};
use serde::Serialize;

use super::LogStoreError;
use super::filter::Filter;
use super::percentiles::Percentiles;
use super::stored::TICKS_PER_USD;

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
    /// Records of cache hits.
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

// serde's `skip_serializing_if` passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none(number: &u64) -> bool {
    *number == 0
}

/// The sums of each group of records: at most `most` groups, most requests first.
pub(super) fn sums<T>(
    connection: &Connection,
    from: &str,
    filter: &Filter,
    group: &str,
    most: u64,
    read: impl Fn(&Row<'_>, Totals) -> rusqlite::Result<T>,
) -> Result<Vec<T>, LogStoreError> {
    let mut statement = connection.prepare(&sums_sql(from, filter, group, most))?;
    let mut rows = statement.query(params_from_iter(filter.values()))?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        groups.push(read(row, totals(row)?)?);
    }
    Ok(groups)
}

pub(super) fn sums_sql(from: &str, filter: &Filter, group: &str, most: u64) -> String {
    // A sum may exceed SQLite's integers, so add up the upper and lower 32 bits separately.
    let halves = SUMMED.map(|column| {
        format!("sum({column} >> 32) AS {column}_high, sum({column} & 0xffffffff) AS {column}_low")
    });
    format!(
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
    )
}

fn totals(row: &Row<'_>) -> Result<Totals, LogStoreError> {
    let count = |column: &str| -> rusqlite::Result<u64> {
        Ok(row.get::<_, Option<i64>>(column)?.unwrap_or_default().unsigned_abs())
    };
    let sum = |column: &str| -> rusqlite::Result<u64> {
        let high = count(&format!("{column}_high"))?.saturating_mul(1 << 32);
        Ok(high.saturating_add(count(&format!("{column}_low"))?))
    };
    let percentiles = |column: &str| -> Result<Percentiles, LogStoreError> {
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
