//! The trait for destinations of records.

use std::io;

use super::LogRecord;

/// A destination of log records: a file, a database.
///
/// It runs on a separate thread, so it may block; meanwhile, records wait in a bounded queue. If a
/// sink panics, its batch counts as not written, and the sink is called again for the next batch.
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
    /// Writes at least one record, oldest first.
    ///
    /// # Errors
    ///
    /// If not all records were written. Those after the first [`SinkError::written`] count as
    /// failed and are not passed again, unless the error is [temporary](SinkError::temporary).
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError>;

    /// Makes the written records durable: a file is synchronised with its disk.
    ///
    /// # Errors
    ///
    /// If written records may be lost when the machine crashes.
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

/// A sink could not write a whole batch.
#[derive(Debug, thiserror::Error)]
#[error("log records could not be written: {source}")]
#[non_exhaustive]
pub struct SinkError {
    /// The number of records that were written, from the start of the batch.
    pub written: usize,
    /// The records after those may be written later, so they are passed again.
    pub is_temporary: bool,
    /// Why the next record was not written.
    pub source: io::Error,
}

impl SinkError {
    /// The error `source` after `written` records.
    #[must_use]
    pub fn after(written: usize, source: io::Error) -> Self {
        Self { written, is_temporary: false, source }
    }

    /// The same, but the rest of the batch is passed again after a pause of at most a second: the
    /// disk is full, or the file is locked. New records wait in the queue meanwhile, and those that
    /// find no room there are lost. When the last [`LogHook`](super::LogHook) is dropped, the rest is
    /// passed once more.
    #[must_use]
    pub fn temporary(self) -> Self {
        Self { is_temporary: true, ..self }
    }
}

/// Nothing of the batch was written.
impl From<io::Error> for SinkError {
    fn from(source: io::Error) -> Self {
        Self::after(0, source)
    }
}
