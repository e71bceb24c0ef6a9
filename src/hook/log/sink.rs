//! Where records go.

use std::io;

use super::LogRecord;

/// Keeps the records of a log: a file, a database.
///
/// It is called on a thread of its own, so it may block; while it does, records wait in a bounded
/// queue. A sink that panics has not written what it was given, and is called again.
///
/// ```
/// use tower_ai_gateway::log::{LogHook, LogRecord, LogSink, SinkError};
///
/// struct Count(usize);
///
/// impl LogSink for Count {
///     fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
///         self.0 += batch.len();
///         Ok(())
///     }
/// }
///
/// let log = LogHook::builder(Count(0)).build()?;
/// # drop(log);
/// # Ok::<(), std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `LogSink`",
    note = "pass a `LogFile` or a `JsonLines` around a writer, or implement the trait"
)]
pub trait LogSink: Send + 'static {
    /// Keeps these records, oldest first. There is at least one.
    ///
    /// # Errors
    ///
    /// The records behind the first [`SinkError::written`] were not kept; they are counted, and
    /// not offered again.
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError>;

    /// Makes what was written last: a file is synchronised with its disk here.
    ///
    /// # Errors
    ///
    /// What was written may not outlast a crash of the machine.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: LogSink + ?Sized> LogSink for Box<S> {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        (**self).write(batch)
    }

    fn flush(&mut self) -> io::Result<()> {
        (**self).flush()
    }
}

/// A sink could not keep all of a batch.
#[derive(Debug, thiserror::Error)]
#[error("log records could not be written: {source}")]
#[non_exhaustive]
pub struct SinkError {
    /// How many records of the batch it has kept, from the first on.
    pub written: usize,
    /// Why it did not keep the next one.
    pub source: io::Error,
}

impl SinkError {
    /// `written` records were kept, then came `source`.
    #[must_use]
    pub fn after(written: usize, source: io::Error) -> Self {
        Self { written, source }
    }
}

/// Nothing of the batch was kept.
impl From<io::Error> for SinkError {
    fn from(source: io::Error) -> Self {
        Self::after(0, source)
    }
}
