//! Queries for records.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;

use super::cursor::Cursor;
use super::filter::{Filter, integer};
use super::id::Id;

/// Selects the records that match all fields that are set. Texts are compared exactly.
///
/// ```
/// use tower_ai_gateway::log::LogQuery;
///
/// let mut query = LogQuery::default();
/// query.provider = Some("grok".to_owned());
/// query.status = Some(400..=499);
/// query.metadata = vec![("user".to_owned(), "42".to_owned())];
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LogQuery {
    /// Arrived at this instant or later.
    pub from: Option<Timestamp>,
    /// Arrived before this instant.
    pub to: Option<Timestamp>,
    /// The provider's slug.
    pub provider: Option<String>,
    /// The model, as in [`LogRecord::model`](crate::log::LogRecord::model).
    pub model: Option<String>,
    /// The kind of API call, as in [`LogRecord::model_type`](crate::log::LogRecord::model_type).
    pub operation: Option<String>,
    /// The status: `429..=429` is one, `400..=499` a class.
    pub status: Option<RangeInclusive<u16>>,
    /// The outcome, as in [`LogRecord::outcome`](crate::log::LogRecord::outcome).
    pub outcome: Option<String>,
    /// As in [`LogRecord::success`](crate::log::LogRecord::success).
    pub success: Option<bool>,
    /// From a cache or not.
    pub cached: Option<bool>,
    /// An event stream or not.
    pub stream: Option<bool>,
    /// The id of the event.
    pub event_id: Option<String>,
    /// The id of the log.
    pub id: Option<String>,
    /// The subject of the request's identity, as in [`LogRecord::subject`](crate::log::LogRecord::subject).
    pub subject: Option<String>,
    /// Labels that the identity must have.
    pub labels: Vec<(String, String)>,
    /// Entries that the metadata must have. Numbers and booleans are compared as text.
    pub metadata: Vec<(String, String)>,
    /// The minimum cost, in ticks: 1 USD = 10^10 ticks. This and the following conditions exclude
    /// records without the value.
    pub min_cost_ticks: Option<u64>,
    /// The maximum cost, in ticks.
    pub max_cost_ticks: Option<u64>,
    /// The minimum number of input tokens.
    pub min_tokens_in: Option<u64>,
    /// The maximum number of input tokens.
    pub max_tokens_in: Option<u64>,
    /// The minimum number of output tokens.
    pub min_tokens_out: Option<u64>,
    /// The maximum number of output tokens.
    pub max_tokens_out: Option<u64>,
    /// The minimum time from arrival to end.
    pub min_duration: Option<Duration>,
    /// The rating: -1 or 1.
    pub feedback: Option<i8>,
    /// Oldest records first. Default: newest first.
    pub oldest_first: bool,
    /// The number of records on a page, at most 1,000. Default: 50.
    pub limit: Option<u32>,
    /// The [`LogPage::next`](super::LogPage::next) of the previous page.
    pub cursor: Option<Cursor>,
}

impl From<&LogQuery> for Filter {
    fn from(query: &LogQuery) -> Self {
        let mut filter = Self::default();
        filter.is("created_at >= ?", query.from.map(|from| from.as_millisecond()));
        filter.is("created_at < ?", query.to.map(|to| to.as_millisecond()));
        filter.is("provider = ?", query.provider.clone());
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
        if let Some(event_id) = &query.event_id {
            let id = Id::value(event_id);
            filter.add("(event_id = ? OR event_id IS NULL AND id = ?)", [id.clone(), id]);
        }
        filter.is("id = ?", query.id.as_deref().map(Id::value));
        filter.is("subject = ?", query.subject.clone());
        // Within a time range, look up the entry of each record. Otherwise find all records with the entry.
        let conditions = if query.from.is_some() {
            [
                "EXISTS (SELECT 1 FROM labels WHERE seq = logs.seq AND key = ? AND value = ?)",
                "EXISTS (SELECT 1 FROM metadata WHERE seq = logs.seq AND key = ? AND value = ?)",
            ]
        } else {
            [
                "seq IN (SELECT seq FROM labels WHERE key = ? AND value = ?)",
                "seq IN (SELECT seq FROM metadata WHERE key = ? AND value = ?)",
            ]
        };
        for (condition, entries) in conditions.into_iter().zip([&query.labels, &query.metadata]) {
            for (key, value) in entries {
                filter.add(condition, [key.clone().into(), value.clone().into()]);
            }
        }
        filter.is("cost_ticks >= ?", query.min_cost_ticks.map(integer));
        filter.is("cost_ticks <= ?", query.max_cost_ticks.map(integer));
        filter.is("tokens_in >= ?", query.min_tokens_in.map(integer));
        filter.is("tokens_in <= ?", query.max_tokens_in.map(integer));
        filter.is("tokens_out >= ?", query.min_tokens_out.map(integer));
        filter.is("tokens_out <= ?", query.max_tokens_out.map(integer));
        let nanoseconds = |least: Duration| i64::try_from(least.as_nanos()).unwrap_or(i64::MAX);
        filter.is("duration >= ?", query.min_duration.map(nanoseconds));
        filter.is("feedback = ?", query.feedback);
        filter
    }
}
