//! Logs of exchanges, one record each.

mod record;

pub use self::record::{LogRecord, LoggedTimings, LoggedUsage};
