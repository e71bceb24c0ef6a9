//! Logs of exchanges, one record each.

mod hook;
mod losses;
mod payload;
mod queue;
mod record;
mod redact;
mod report;
mod sink;
mod weight;
mod writer;

pub use self::hook::{LogHook, LogHookBuilder};
pub use self::record::{LogRecord, LoggedTimings, LoggedUsage};
pub use self::report::{FlushReport, LogCounts};
pub use self::sink::{LogSink, SinkError};
