//! Logs of exchanges, one record each.
//!
//! A [`LogHook`] makes a [`LogRecord`] of each exchange. A separate thread passes it to a
//! [`LogSink`]: [`LogFile`] for a rotated file, [`JsonLines`] for standard output or any other
//! writer, or the host's own.
//!
//! Texts from a client or a provider (the user agent, the path, metadata and so on) are cut to 1
//! KiB each and then end in `…`. Requests that the gateway refused use at most a quarter of the
//! queue, so they cannot crowd out others.
//!
//! A record contains bodies only if the host or the client asked for them, and only their start. In
//! every text of the record, `[REDACTED]` replaces what looks like a credential: bearer tokens,
//! keys by their prefix, members by their name. This is a safety net and not a guarantee: a key
//! that a stream splits between events is not found. A body that is not text is logged as
//! `<binary>`, a compressed response as `<encoded>`; only then `request_head_complete` or
//! `response_head_complete` is null.

mod cut;
mod file;
mod hook;
mod lines;
mod loss_warnings;
mod payload;
mod queue;
mod record;
mod record_size;
mod redact;
mod regular;
mod reminder;
mod report;
mod rotate;
mod sink;
#[cfg(feature = "log-sqlite")]
mod sqlite;
mod writer;

/// Redacts a record as the writer does before passing it to sinks. For the crate's own benchmarks.
#[doc(hidden)]
pub fn prepare(record: &mut LogRecord) {
    redact::record(record, &[]);
}

/// An instant in time, from the crate `jiff`.
pub use jiff::Timestamp;

pub use self::file::LogFile;
pub use self::hook::{LogHook, LogHookBuilder};
pub use self::lines::JsonLines;
pub use self::record::{LogRecord, LoggedPart, LoggedTimings, LoggedUsage};
pub use self::report::{FlushReport, LogCounts};
pub use self::sink::{LogSink, SinkError};
#[cfg(feature = "log-sqlite")]
pub use self::sqlite::{
    Bucket, Cursor, Feedback, LabelTotals, LogPage, LogQuery, LogStore, LogStoreError,
    LogStoreSink, ModelTotals, Percentiles, SubjectTotals, Summary, SummaryQuery, Totals,
};
