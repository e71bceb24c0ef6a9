//! Conditions on the columns of `logs`. Values are always bound, never part of the SQL text.

use rusqlite::types::Value;

#[derive(Clone, Default)]
pub(super) struct Filter {
    conditions: Vec<&'static str>,
    values: Vec<Value>,
}

impl Filter {
    /// Adds a condition with one `?` per value.
    pub(super) fn add<const N: usize>(&mut self, condition: &'static str, values: [Value; N]) {
        self.conditions.push(condition);
        self.values.extend(values);
    }

    /// The filter with one more condition.
    pub(super) fn and<const N: usize>(
        mut self,
        condition: &'static str,
        values: [Value; N],
    ) -> Self {
        self.add(condition, values);
        self
    }

    pub(super) fn is(&mut self, condition: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(condition, [value.into()]);
        }
    }

    /// Only records after this time and number, in this order.
    pub(super) fn beyond(&mut self, place: [i64; 2], oldest_first: bool) {
        let condition =
            if oldest_first { "(created_at, seq) > (?, ?)" } else { "(created_at, seq) < (?, ?)" };
        self.add(condition, place.map(Value::from));
    }

    /// `select` with a `WHERE` clause of all conditions.
    pub(super) fn sql(&self, select: &str) -> String {
        match self.conditions.as_slice() {
            [] => select.to_owned(),
            conditions => format!("{select} WHERE {}", conditions.join(" AND ")),
        }
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }
}

/// Saturates: SQLite's integers end at 2^63 - 1.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
