//! Logs of exchanges, one record each.

mod file;
mod hook;
mod lines;
mod losses;
mod payload;
mod queue;
mod record;
mod redact;
mod report;
mod rotate;
mod sink;
mod weight;
mod writer;

pub use self::file::LogFile;
pub use self::hook::{LogHook, LogHookBuilder};
pub use self::lines::JsonLines;
pub use self::record::{LogRecord, LoggedTimings, LoggedUsage};
pub use self::report::{FlushReport, LogCounts};
pub use self::sink::{LogSink, SinkError};
