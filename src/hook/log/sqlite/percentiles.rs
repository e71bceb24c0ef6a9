//! Percentiles of measured times.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use serde::{Deserialize, Serialize};

use super::stored::milliseconds;

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

/// The SQL aggregate `percentiles(column)` of nanoseconds, which returns JSON in milliseconds. With window functions,
/// SQLite would sort all records twice per grouping and take several times as long.
pub(super) struct NearestRank;

impl NearestRank {
    /// Adds it to the functions of a connection.
    pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_aggregate_function("percentiles", 1, flags, Self)
    }
}

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
    fn percentiles_are_measured_values() {
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
