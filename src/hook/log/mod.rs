//! Logs of exchanges, one record each.
//!
//! A [`LogHook`] makes a [`LogRecord`] of every exchange and hands it to a [`LogSink`] on a thread
//! of its own: [`LogFile`] for a file that is rotated, [`JsonLines`] for standard output or any
//! other writer, or the host's own.
//!
//! Texts that a client or a provider chooses (the user agent, the path, metadata and the like) are
//! cut to 1 KiB each, and end in `…` then. Requests that the gateway refuses itself fill at most a
//! quarter of the queue: they cannot crowd out what was served.
//!
//! Bodies are in a record only where the host or the client asked for them. They are cut, and what
//! looks like a credential is replaced by `[REDACTED]`, in every text of the record: bearer tokens,
//! keys by their prefix, members by their name. This is a net, not a proof: a key that a stream
//! spreads over several events is not seen. A body that is no text reads `<binary>`, a compressed
//! response `<encoded>`; then, and only then, is `request_head_complete` or
//! `response_head_complete` null beside it.

mod cut;
mod file;
mod hook;
mod lines;
mod losses;
mod payload;
mod queue;
mod record;
mod redact;
mod regular;
mod report;
mod rotate;
mod sink;
#[cfg(feature = "log-sqlite")]
mod sqlite;
mod weight;
mod writer;

/// What the writer does with a record before its sinks get it: for the crate's own benchmarks.
#[doc(hidden)]
pub fn prepare(record: &mut LogRecord) {
    redact::record(record, &[]);
}

/// A moment, of the crate `jiff`.
pub use jiff::Timestamp;

pub use self::file::LogFile;
pub use self::hook::{LogHook, LogHookBuilder};
pub use self::lines::JsonLines;
pub use self::record::{LogRecord, LoggedPart, LoggedTimings, LoggedUsage};
pub use self::report::{FlushReport, LogCounts};
pub use self::sink::{LogSink, SinkError};
#[cfg(feature = "log-sqlite")]
pub use self::sqlite::{
    Bucket, Cursor, Feedback, LabelTotals, LogPage, LogQuery, LogStore, LogStoreSink, ModelTotals,
    Percentiles, StoreError, SubjectTotals, Summary, SummaryQuery, Totals,
};
