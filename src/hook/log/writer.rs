//! The thread that writes.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::queue::{Queue, Work};
use super::{LogRecord, LogSink, SinkError};

/// What is done to a record or a text before it is written.
pub(super) type Change<T> = Box<dyn Fn(&mut T) + Send>;

/// How long the thread rests after a panic of its own, and how long at most where that repeats.
const REST: Duration = Duration::from_millis(10);
const LONGEST_REST: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    queue: Arc<Queue>,
    prepare: Change<LogRecord>,
    sinks: Vec<Box<dyn LogSink>>,
}

impl Writer {
    /// Starts the thread. It ends when the queue is closed and empty.
    pub(super) fn start(
        queue: Arc<Queue>,
        prepare: Change<LogRecord>,
        sinks: Vec<Box<dyn LogSink>>,
    ) -> io::Result<()> {
        let mut writer = Self { queue, prepare, sinks };
        thread::Builder::new().name("gateway-log".to_owned()).spawn(move || writer.run())?;
        Ok(())
    }

    /// Goes on after every panic: of a sink, of a closure, of an error that cannot be printed, of
    /// the host's own subscriber. What was being written then is counted as not kept.
    fn run(&mut self) {
        let mut rest = REST;
        loop {
            match unwinding(|| self.step()) {
                Ok(Next::Step) => rest = REST,
                Ok(Next::Stop) => return,
                Err(error) => {
                    // The host's subscriber may be what panics.
                    let _ = unwinding(|| self.queue.settle(0, Some(&error)));
                    thread::sleep(rest);
                    rest = (2 * rest).min(LONGEST_REST);
                }
            }
        }
    }

    fn step(&mut self) -> Next {
        match self.queue.next() {
            Work::Write(records) => self.write(records),
            Work::Flush(flushers) => {
                let mut error = self.flush().err();
                for flusher in flushers {
                    // Each is told; the first gets the error as it was.
                    let kind = error.as_ref().map(io::Error::kind);
                    let told = error.take().map_or(Ok(()), Err);
                    error = kind.map(io::Error::from);
                    // Who has stopped waiting need not know.
                    let _ = flusher.send(told);
                }
            }
            Work::Stop => {
                let _ = self.flush();
                return Next::Stop;
            }
        }
        Next::Step
    }

    fn write(&mut self, mut records: Vec<LogRecord>) {
        let count = records.len();
        let prepare = &self.prepare;
        // What could not be redacted must not be written.
        records.retain_mut(|record| unwinding(|| prepare(record)).is_ok());
        let mut error = (records.len() < count)
            .then(|| SinkError::from(io::Error::other("a closure of the host's panicked")));
        let mut written = records.len();
        for sink in self.sinks.iter_mut().filter(|_| !records.is_empty()) {
            let result =
                unwinding(|| sink.write(&records)).unwrap_or_else(|panic| Err(panic.into()));
            if let Err(failed) = result {
                written = written.min(failed.written);
                error.get_or_insert(failed);
            }
        }
        // Their memory is free before the queue has room for others.
        drop(records);
        self.queue.settle(written, error.as_ref().map(|error| &error.source));
    }

    fn flush(&mut self) -> io::Result<()> {
        // All of them are flushed, whatever comes of the first.
        let flushed = self.sinks.iter_mut().map(|sink| unwinding(|| sink.flush())?);
        flushed.fold(Ok(()), Result::and)
    }
}

enum Next {
    Step,
    Stop,
}

/// What `call` returns, or an error where it panics.
fn unwinding<T>(call: impl FnOnce() -> T) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload: Box<dyn Any + Send>| {
        // Dropping it could panic again.
        std::mem::forget(payload);
        io::Error::other("a log sink or the writer panicked")
    })
}
