//! The columns of `logs`, each with the field of a record that it stores.
//!
//! Every field is stored once: in a column of `logs`, in `labels`, `metadata` or `bodies`, or, where few
//! records have it, in the JSON of the column `more`. To add a column, add a line to the list below and
//! a migration that adds it to the table.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use rusqlite::{Row, Statement};
use serde::{Deserialize, Serialize};

use super::LogStoreError;
use super::id::Id;
use super::stored::{Millis, Plain, Stored, TICKS_PER_USD, Time, bind_value};
use crate::hook::log::{LogRecord, LoggedPart, LoggedUsage};
use crate::usage::ToolCalls;

/// Columns that are not in the list: they depend on several fields.
const SPECIAL: usize = 3;

/// A question mark for each column of the list.
macro_rules! mark {
    ($column:literal) => {
        ", ?"
    };
}

/// Each line: the column, how its values are stored, and the field.
macro_rules! columns {
    (|$record:ident, $usage:ident| $($column:literal: $kind:ident = $($field:ident).+;)+) => {
        /// The columns that [`read`] reads, in its order.
        pub(super) const SELECTED: &str =
            concat!("logs.event_id, logs.has_usage, logs.more", $(", logs.", $column),+);

        /// Inserts a record unless its id exists. `seq` comes first, then what [`bind`] binds.
        pub(super) const INSERT: &str = concat!(
            "INSERT INTO logs (seq, event_id, has_usage, more", $(", ", $column,)+
            ") VALUES (?, ?, ?, ?", $(mark!($column),)+ ") ON CONFLICT (id) DO NOTHING",
        );

        /// Binds the columns of the list, from parameter `at` on. Returns the values that their
        /// columns cannot represent exactly.
        fn bind_listed(
            to: &mut Statement<'_>,
            mut at: usize,
            $record: &LogRecord,
            $usage: &LoggedUsage,
        ) -> Result<Exact, LogStoreError> {
            let mut exact = Exact::new();
            $(
                if !<$kind as Stored<_>>::bind(&$($field).+, to, at)? {
                    exact.insert($column.to_owned(), serde_json::to_value(&$($field).+)?);
                }
                at += 1;
            )+
            let _ = at;
            Ok(exact)
        }

        /// Reads the columns of the list, from `at` on.
        fn read_listed(
            row: &Row<'_>,
            mut at: usize,
            $record: &mut LogRecord,
            $usage: &mut LoggedUsage,
        ) -> Result<(), LogStoreError> {
            $(
                $($field).+ = <$kind as Stored<_>>::read(row.get_ref(at)?)?;
                at += 1;
            )+
            let _ = at;
            Ok(())
        }

        /// Sets the values that their columns cannot represent exactly.
        fn set_exact(
            exact: Exact,
            $record: &mut LogRecord,
            $usage: &mut LoggedUsage,
        ) -> Result<(), LogStoreError> {
            for (column, value) in exact {
                match column.as_str() {
                    "cost" => $record.cost = serde_json::from_value(value)?,
                    "saved_cost" => $record.saved_cost = serde_json::from_value(value)?,
                    $($column => $($field).+ = serde_json::from_value(value)?,)+
                    // A later release might store it.
                    _ => {}
                }
            }
            Ok(())
        }
    };
}

columns! {
    |record, usage|
    // Columns that queries filter by or sum up.
    "id": Id = record.id;
    "created_at": Time = record.created_at;
    "provider": Plain = record.provider;
    "model": Plain = record.model;
    "operation": Plain = record.model_type;
    "status": Plain = record.status_code;
    "outcome": Plain = record.outcome;
    "success": Plain = record.success;
    "cached": Plain = record.cached;
    "stream": Plain = record.stream;
    "tokens_in": Plain = record.tokens_in;
    "tokens_out": Plain = record.tokens_out;
    "cost_ticks": Plain = record.cost_ticks;
    "cost_unknown": Plain = record.cost_unknown;
    "duration": Millis = record.duration;
    "first_token": Millis = record.timings.to_first_token;
    "feedback": Plain = record.feedback;
    "subject": Plain = record.subject;
    "images": Plain = usage.images;
    "duration_ms": Plain = usage.duration_ms;
    "characters": Plain = usage.characters;
    "search_units": Plain = usage.search_units;
    "pages": Plain = usage.pages;
    // Columns that are only shown.
    "account": Plain = record.account;
    "gateway": Plain = record.gateway;
    "request_model": Plain = record.request_model;
    "request_type": Plain = record.request_type;
    "method": Plain = record.method;
    "path": Plain = record.path;
    "request_content_type": Plain = record.request_content_type;
    "response_content_type": Plain = record.response_content_type;
    "user_agent": Plain = record.user_agent;
    "failure": Plain = record.failure;
    "gateway_code": Plain = record.gateway_code;
    "provider_error": Plain = record.provider_error;
    "provider_request_id": Plain = record.provider_request_id;
    "terminal": Plain = record.terminal;
    "cache_status": Plain = record.cache_status;
    "saved_tokens": Plain = record.saved_tokens;
    "saved_cost_ticks": Plain = record.saved_cost_ticks;
    "step": Plain = record.step;
    "attempts": Plain = record.attempts;
    "metering": Plain = record.metering;
    "cost_source": Plain = record.cost_source;
    "custom_cost": Plain = record.custom_cost;
    "to_head": Millis = record.timings.to_head;
    "to_first_data": Millis = record.timings.to_first_data;
    "inter_token": Millis = record.timings.inter_token;
    "overhead": Millis = record.timings.overhead;
    "request_size": Plain = record.request_size;
    "response_size": Plain = record.response_size;
    "cut": Plain = record.cut;
    "score": Plain = record.score;
    "input_uncached": Plain = usage.input_uncached;
    "cache_read": Plain = usage.cache_read;
    "cache_write": Plain = usage.cache_write;
    "cache_write_long": Plain = usage.cache_write_long;
    "audio_input": Plain = usage.audio_input;
    "image_input": Plain = usage.image_input;
    "output_visible": Plain = usage.output_visible;
    "audio_output": Plain = usage.audio_output;
    "image_output": Plain = usage.image_output;
    "reasoning": Plain = usage.reasoning;
    "total_reported": Plain = usage.total_reported;
    "tool_calls": Plain = usage.tool_calls;
    "service_tier": Plain = usage.service_tier;
}

/// Exact values by column. The column itself has an approximation for filtering: a cost above 2^63
/// ticks, a time that is not a whole number of nanoseconds.
type Exact = serde_json::Map<String, serde_json::Value>;

/// Fields that few records have: borrowed to be written, owned when read.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct More<'r> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    groups: Cow<'r, [String]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    flags: Cow<'r, [String]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    limits: Cow<'r, [String]>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gave_up_retries: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_entry: Option<Cow<'r, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'r, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    affinity: Option<Cow<'r, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<ToolCalls>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    inconsistent: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    parts: Cow<'r, [LoggedPart]>,
    #[serde(skip_serializing_if = "Exact::is_empty")]
    exact: Exact,
}

/// Binds all columns but `seq`, from parameter `at` on.
pub(super) fn bind(
    to: &mut Statement<'_>,
    at: usize,
    record: &LogRecord,
) -> Result<(), LogStoreError> {
    let none;
    let usage = match &record.usage_metadata {
        Some(usage) => usage,
        None => {
            none = LoggedUsage::default();
            &none
        }
    };
    let mut exact = bind_listed(to, at + SPECIAL, record, usage)?;
    if record.cost != usd(record.cost_ticks) {
        exact.insert("cost".to_owned(), serde_json::to_value(record.cost)?);
    }
    if record.saved_cost != usd(record.saved_cost_ticks) {
        exact.insert("saved_cost".to_owned(), serde_json::to_value(record.saved_cost)?);
    }
    let more = More {
        groups: (&record.groups).into(),
        flags: (&record.flags).into(),
        limits: (&record.limits).into(),
        gave_up_retries: record.gave_up_retries,
        cache_entry: record.cache_entry.as_deref().map(Cow::Borrowed),
        session: record.session.as_deref().map(Cow::Borrowed),
        affinity: record.affinity.as_deref().map(Cow::Borrowed),
        tools: usage.tools,
        inconsistent: usage.inconsistent,
        parts: (&usage.parts).into(),
        exact,
    };
    // By default the event id equals the log id.
    let event_id = Some(&record.event_id).filter(|event_id| **event_id != record.id);
    match event_id {
        Some(event_id) => Id::bind(event_id, to, at)?,
        None => bind_value(&rusqlite::types::Null, to, at)?,
    };
    to.raw_bind_parameter(at + 1, record.usage_metadata.is_some())?;
    let more = (more != More::default()).then(|| serde_json::to_string(&more)).transpose()?;
    to.raw_bind_parameter(at + 2, more)?;
    Ok(())
}

/// The record in a row of [`SELECTED`], without its bodies, labels and metadata.
pub(super) fn read(row: &Row<'_>, at: usize) -> Result<LogRecord, LogStoreError> {
    let (mut record, mut usage) = (LogRecord::default(), LoggedUsage::default());
    read_listed(row, at + SPECIAL, &mut record, &mut usage)?;
    record.event_id = match row.get_ref(at)? {
        ValueRef::Null => record.id.clone(),
        event_id => Id::read(event_id)?,
    };
    let has_usage = row.get(at + 1)?;
    let mut exact = Exact::new();
    if let Some(more) = row.get_ref(at + 2)?.as_str_or_null()? {
        let more: More<'_> = serde_json::from_str(more)?;
        record.groups = more.groups.into_owned();
        record.flags = more.flags.into_owned();
        record.limits = more.limits.into_owned();
        record.gave_up_retries = more.gave_up_retries;
        record.cache_entry = more.cache_entry.map(Cow::into_owned);
        record.session = more.session.map(Cow::into_owned);
        record.affinity = more.affinity.map(Cow::into_owned);
        usage.tools = more.tools;
        usage.inconsistent = more.inconsistent;
        usage.parts = more.parts.into_owned();
        exact = more.exact;
    }
    let is_cost_exact = exact.contains_key("cost");
    let is_saved_cost_exact = exact.contains_key("saved_cost");
    set_exact(exact, &mut record, &mut usage)?;
    if !is_cost_exact {
        record.cost = usd(record.cost_ticks);
    }
    if !is_saved_cost_exact {
        record.saved_cost = usd(record.saved_cost_ticks);
    }
    record.usage_metadata = Some(usage).filter(|_| has_usage);
    Ok(record)
}

fn usd(ticks: Option<u64>) -> Option<f64> {
    ticks.map(|ticks| ticks as f64 / TICKS_PER_USD)
}
