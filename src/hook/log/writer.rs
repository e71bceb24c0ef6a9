//! The thread that writes records to sinks.

use std::any::Any;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::loss_warnings::reason;
use super::queue::{Queue, Waiting, Work};
use super::record_size::record_size;
use super::reminder::Reminder;
use super::{LogRecord, LogSink, SinkError};

/// Changes a record or a text before it is written.
pub(super) type Change<T> = Box<dyn Fn(&mut T) + Send>;

/// The pause after a panic of this thread or a temporary error, and its maximum when they repeat.
const REST: Duration = Duration::from_millis(10);
const LONGEST_REST: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    queue: Arc<Queue>,
    prepare: Change<LogRecord>,
    sinks: Vec<Box<dyn LogSink>>,
    /// The batch from the queue.
    taken: Vec<Waiting>,
    /// The records of the batch as a slice for sinks. Between batches, they are records for reuse.
    records: Vec<LogRecord>,
    /// How many of these records each sink is done with.
    done: Vec<usize>,
    delays: Reminder,
}

/// The maximum size of a record that is reused, in bytes.
const MOST_REUSED: usize = 4 * 1024;

impl Writer {
    /// Starts the thread. It ends when the queue is closed and empty.
    pub(super) fn start(
        queue: Arc<Queue>,
        prepare: Change<LogRecord>,
        sinks: Vec<Box<dyn LogSink>>,
    ) -> io::Result<()> {
        let (taken, records, delays) = Default::default();
        let done = vec![0; sinks.len()];
        let mut writer = Self { queue, prepare, sinks, taken, records, done, delays };
        thread::Builder::new().name("gateway-log".to_owned()).spawn(move || writer.run())?;
        Ok(())
    }

    /// Survives every panic: of a sink, a closure, an error's `Display`, or the host's subscriber. The
    /// records being written then count as failed.
    fn run(&mut self) {
        let mut rest = REST;
        loop {
            match unwinding(|| self.step()) {
                Ok(ControlFlow::Continue(())) => rest = REST,
                Ok(ControlFlow::Break(())) => return,
                Err(error) => {
                    // The host's subscriber may be what panicked.
                    let _ = unwinding(|| self.queue.finish_batch(0, Some(&error)));
                    thread::sleep(rest);
                    rest = (2 * rest).min(LONGEST_REST);
                }
            }
        }
    }

    fn step(&mut self) -> ControlFlow<()> {
        // A panic may have left records here.
        self.taken.clear();
        match self.queue.next(&mut self.taken) {
            Work::Write => self.write(),
            Work::Flush(flushers) => {
                let mut error = self.flush().err();
                for flusher in flushers {
                    // The first caller gets the error itself, the others get its kind.
                    let kind = error.as_ref().map(io::Error::kind);
                    let result = error.take().map_or(Ok(()), Err);
                    error = kind.map(io::Error::from);
                    // The caller may have stopped waiting.
                    let _ = flusher.send(result);
                }
            }
            Work::Stop => {
                let _ = self.flush();
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn write(&mut self) {
        let Self { queue, prepare, sinks, taken, records, done, delays } = self;
        let count = taken.len();
        if records.len() < count {
            records.resize_with(count, LogRecord::default);
        }
        for (record, waiting) in records.iter_mut().zip(taken.iter_mut()) {
            std::mem::swap(record, &mut *waiting.record);
        }
        // The swapped-in records were written before.
        queue.reuse(taken.drain(..).map(|waiting| waiting.record));
        // Never write a record whose redaction failed.
        let mut kept = 0;
        for at in 0..count {
            if unwinding(|| prepare(&mut records[at])).is_ok() {
                records.swap(kept, at);
                kept += 1;
            }
        }
        let mut error = (kept < count)
            .then(|| SinkError::from(io::Error::other("a closure of the host panicked")));
        let batch = &records[..kept];
        let mut written = kept;
        done.fill(0);
        let (mut rest, mut is_last) = (REST, false);
        loop {
            let mut delay = None;
            for (sink, done) in sinks.iter_mut().zip(&mut *done).filter(|(_, done)| **done < kept) {
                let batch = &batch[*done..];
                let result =
                    unwinding(|| sink.write(batch)).unwrap_or_else(|panic| Err(panic.into()));
                let failed = result.err();
                *done +=
                    failed.as_ref().map_or(batch.len(), |failed| failed.written.min(batch.len()));
                let Some(failed) = failed else { continue };
                if failed.is_temporary && !is_last {
                    delay = Some(failed);
                    continue;
                }
                written = written.min(*done);
                *done = kept;
                error.get_or_insert(failed);
            }
            let Some(delay) = delay else { break };
            if delays.is_due(Instant::now()) {
                let reason = reason(&delay.source);
                tracing::warn!(target: crate::TARGET, reason, "the log cannot be written at present");
            }
            is_last = queue.pause(rest);
            rest = (2 * rest).min(LONGEST_REST);
        }
        // Free the memory before the queue accepts others in its place.
        records[..count].iter_mut().for_each(empty);
        queue.finish_batch(written, error.as_ref().map(|error| &error.source));
    }

    fn flush(&mut self) -> io::Result<()> {
        // Flush all sinks, even if one fails.
        let flushed = self.sinks.iter_mut().map(|sink| unwinding(|| sink.flush())?);
        flushed.fold(Ok(()), Result::and)
    }
}

/// Frees the large parts of a written record.
fn empty(record: &mut LogRecord) {
    (record.request_head, record.response_head) = (None, None);
    if record_size(record) > MOST_REUSED {
        *record = LogRecord::default();
    }
}

/// Calls `call` and turns a panic into an error.
fn unwinding<T>(call: impl FnOnce() -> T) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload: Box<dyn Any + Send>| {
        // Dropping it could panic again.
        std::mem::forget(payload);
        io::Error::other("a log sink or the writer panicked")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::hook::log::queue::{Kind, Limits};

    struct Busy;

    impl LogSink for Busy {
        fn write(&mut self, _: &[LogRecord]) -> Result<(), SinkError> {
            Err(SinkError::from(io::Error::other("busy")).temporary())
        }
    }

    #[test]
    fn unwritten_records_count_as_failed_at_the_end() {
        let queue = Arc::new(Queue::new(Limits { records: 8, bytes: usize::MAX }));
        Writer::start(queue.clone(), Box::new(|_| {}), vec![Box::new(Busy)]).unwrap();
        for _ in 0..2 {
            queue.push(queue.spare(Kind::Served).unwrap(), 1, Kind::Served);
        }
        let report = queue.flush(Duration::from_millis(100));
        assert!(!report.in_time, "{report}");
        assert_eq!((report.counts.failed, report.counts.queued), (0, 2), "{report}");
        queue.close();
        let until = Instant::now() + Duration::from_secs(30);
        while queue.counts().failed < 2 {
            assert!(Instant::now() < until, "{:?}", queue.counts());
            thread::yield_now();
        }
    }
}
