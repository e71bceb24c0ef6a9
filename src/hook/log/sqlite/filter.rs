//! Conditions on the columns of `logs`. Values are always bound, never part of the SQL text.

use rusqlite::types::Value;

use super::query::{Cursor, LogQuery};

#[derive(Clone, Default)]
pub(super) struct Filter {
    conditions: Vec<&'static str>,
    values: Vec<Value>,
}

impl Filter {
    /// Adds a condition with one `?` per value.
    fn add<const N: usize>(&mut self, condition: &'static str, values: [Value; N]) {
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

    pub(super) fn beyond(&mut self, cursor: Cursor, oldest_first: bool) {
        let condition =
            if oldest_first { "(created_at, seq) > (?, ?)" } else { "(created_at, seq) < (?, ?)" };
        self.add(condition, [cursor.created_at.into(), cursor.seq.into()]);
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

impl From<&LogQuery> for Filter {
    fn from(query: &LogQuery) -> Self {
        let mut filter = Self::default();
        filter.is("created_at >= ?", query.from.map(|from| from.as_millisecond()));
        filter.is("created_at < ?", query.to.map(|to| to.as_millisecond()));
        // The `+` keeps SQLite from using the index by model, and then sorting all of a provider.
        let provider = if query.model.is_some() { "provider = ?" } else { "+provider = ?" };
        filter.is(provider, query.provider.clone());
        filter.is("model = ?", query.model.clone());
        filter.is("operation = ?", query.operation.clone());
        if let Some(status) = &query.status {
            filter
                .add("status BETWEEN ? AND ?", [(*status.start()).into(), (*status.end()).into()]);
        }
        filter.is("outcome = ?", query.outcome.clone());
        filter.is("success = ?", query.success);
        filter.is("cached = ?", query.cached);
        filter.is("stream = ?", query.stream);
        filter.is("event_id = ?", query.event_id.clone());
        filter.is("id = ?", query.id.clone());
        filter.is("subject = ?", query.subject.clone());
        for (name, value) in &query.labels {
            filter.add(
                "seq IN (SELECT seq FROM labels WHERE key = ? AND value = ?)",
                [name.clone().into(), value.clone().into()],
            );
        }
        for (key, value) in &query.metadata {
            filter.add(
                "seq IN (SELECT seq FROM metadata WHERE key = ? AND value = ?)",
                [key.clone().into(), value.clone().into()],
            );
        }
        filter.is("cost_ticks >= ?", query.min_cost_ticks.map(integer));
        filter.is("cost_ticks <= ?", query.max_cost_ticks.map(integer));
        filter.is("tokens_in >= ?", query.min_tokens_in.map(integer));
        filter.is("tokens_in <= ?", query.max_tokens_in.map(integer));
        filter.is("tokens_out >= ?", query.min_tokens_out.map(integer));
        filter.is("tokens_out <= ?", query.max_tokens_out.map(integer));
        filter.is("duration >= ?", query.min_duration.map(|least| least.as_secs_f64() * 1e3));
        filter.is("feedback = ?", query.feedback);
        filter
    }
}

/// Saturates: SQLite's integers end at 2^63 - 1.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_never_in_the_text() {
        let hostile = "' OR 1=1 --";
        let query = LogQuery {
            provider: Some(hostile.to_owned()),
            subject: Some(hostile.to_owned()),
            labels: vec![(hostile.to_owned(), hostile.to_owned())],
            metadata: vec![(hostile.to_owned(), hostile.to_owned())],
            max_cost_ticks: Some(u64::MAX),
            ..LogQuery::default()
        };
        let filter = Filter::from(&query);
        assert_eq!(
            filter.sql("SELECT 1 FROM logs"),
            "SELECT 1 FROM logs WHERE +provider = ? AND subject = ? \
             AND seq IN (SELECT seq FROM labels WHERE key = ? AND value = ?) \
             AND seq IN (SELECT seq FROM metadata WHERE key = ? AND value = ?) \
             AND cost_ticks <= ?"
        );
        assert_eq!(filter.values().last(), Some(&Value::Integer(i64::MAX)));
        assert_eq!(Filter::from(&LogQuery::default()).sql("SELECT"), "SELECT");
    }
}
