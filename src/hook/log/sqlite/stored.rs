//! How the values of a field are stored in their column.

use jiff::Timestamp;
use rusqlite::types::{FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Statement, ToSql};

use super::filter::integer;

pub(super) const TICKS_PER_USD: f64 = 1e10;

/// How the values of a type are stored.
pub(super) trait Stored<T> {
    /// Binds the value. Returns false if the column cannot represent it exactly.
    fn bind(value: &T, to: &mut Statement<'_>, at: usize) -> rusqlite::Result<bool>;

    fn read(value: ValueRef<'_>) -> FromSqlResult<T>;
}

impl<K: Stored<T>, T> Stored<Option<T>> for K {
    fn bind(value: &Option<T>, to: &mut Statement<'_>, at: usize) -> rusqlite::Result<bool> {
        match value {
            Some(value) => K::bind(value, to, at),
            None => bind_value(&rusqlite::types::Null, to, at),
        }
    }

    fn read(value: ValueRef<'_>) -> FromSqlResult<Option<T>> {
        if value == ValueRef::Null { Ok(None) } else { K::read(value).map(Some) }
    }
}

/// Binds a value that SQLite stores as it is.
pub(super) fn bind_value(
    value: &impl ToSql,
    to: &mut Statement<'_>,
    at: usize,
) -> rusqlite::Result<bool> {
    to.raw_bind_parameter(at, value)?;
    Ok(true)
}

/// Stored in SQLite's own representation.
pub(super) struct Plain;

macro_rules! plain {
    ($($type:ty)+) => {$(
        impl Stored<$type> for Plain {
            fn bind(value: &$type, to: &mut Statement<'_>, at: usize) -> rusqlite::Result<bool> {
                bind_value(value, to, at)
            }

            fn read(value: ValueRef<'_>) -> FromSqlResult<$type> {
                rusqlite::types::FromSql::column_result(value)
            }
        }
    )+};
}

plain!(String bool i8 u16 u32 f64);

/// SQLite's integers end at 2^63 - 1.
impl Stored<u64> for Plain {
    fn bind(value: &u64, to: &mut Statement<'_>, at: usize) -> rusqlite::Result<bool> {
        bind_value(&integer(*value), to, at)?;
        Ok(i64::try_from(*value).is_ok())
    }

    fn read(value: ValueRef<'_>) -> FromSqlResult<u64> {
        value.as_i64().map(i64::unsigned_abs)
    }
}

/// Milliseconds since 1970.
pub(super) struct Time;

impl Stored<Timestamp> for Time {
    fn bind(value: &Timestamp, to: &mut Statement<'_>, at: usize) -> rusqlite::Result<bool> {
        let milliseconds = value.as_millisecond();
        bind_value(&milliseconds, to, at)?;
        Ok(value.as_nanosecond() == i128::from(milliseconds) * 1_000_000)
    }

    fn read(value: ValueRef<'_>) -> FromSqlResult<Timestamp> {
        Timestamp::from_millisecond(value.as_i64()?).map_err(FromSqlError::other)
    }
}

/// Milliseconds as a whole number of nanoseconds.
pub(super) struct Millis;

impl Stored<f64> for Millis {
    fn bind(value: &f64, to: &mut Statement<'_>, at: usize) -> rusqlite::Result<bool> {
        // Casts of floats saturate.
        let nanoseconds = (value * 1e6).round() as i64;
        bind_value(&nanoseconds, to, at)?;
        Ok(milliseconds(nanoseconds).to_bits() == value.to_bits())
    }

    fn read(value: ValueRef<'_>) -> FromSqlResult<f64> {
        value.as_i64().map(milliseconds)
    }
}

/// Nanoseconds in milliseconds.
pub(super) fn milliseconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e6
}
