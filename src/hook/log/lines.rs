//! JSON lines on any writer.

use std::io::{self, ErrorKind, Write};

use super::{LogRecord, LogSink, SinkError};
use crate::json::to_bytes;
use crate::util::opaque::opaque_debug;

/// The number of buffered bytes that triggers a write.
const CHUNK: usize = 64 * 1024;

/// Writes each record as a line of JSON to any writer, such as standard output.
///
/// Lines are buffered and written in large pieces, so the writer needs no buffer of its own. If a
/// write fails within a line, the next record still starts on a new line.
///
/// ```
/// use tower_ai_gateway::log::{JsonLines, LogHook};
///
/// let log = LogHook::builder(JsonLines::new(std::io::stdout())).build()?;
/// # drop(log);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct JsonLines<W> {
    writer: W,
    lines: Lines,
}

impl<W: Write + Send + 'static> JsonLines<W> {
    /// Writes to `writer`.
    pub fn new(writer: W) -> Self {
        Self { writer, lines: Lines::default() }
    }
}

impl<W: Write + Send + 'static> LogSink for JsonLines<W> {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        let Self { writer, lines } = self;
        lines.begin();
        for record in batch {
            lines.add(record)?;
            if lines.is_full() {
                lines.send(writer)?;
            }
        }
        lines.send(writer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

opaque_debug!(JsonLines<W>);

/// Lines of JSON, buffered for a writer.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: Vec<u8>,
    /// Whole lines of this batch that were written.
    written: usize,
    /// The last line that was written is incomplete.
    pub(super) is_torn: bool,
}

impl Lines {
    /// Starts a batch and drops what an error left of the previous one.
    pub(super) fn begin(&mut self) {
        self.waiting.clear();
        self.written = 0;
    }

    /// Writes the line of a record into the buffer.
    pub(super) fn add(&mut self, record: &LogRecord) -> Result<(), SinkError> {
        let begin = self.waiting.len();
        if let Err(error) = to_bytes::append(record, &mut self.waiting) {
            self.waiting.truncate(begin);
            return Err(self.failed(error.into()));
        }
        self.waiting.push(b'\n');
        Ok(())
    }

    /// The buffered bytes.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= CHUNK
    }

    pub(super) fn failed(&self, error: io::Error) -> SinkError {
        SinkError::after(self.written, error)
    }

    /// Writes the buffered lines.
    pub(super) fn send(&mut self, out: &mut impl Write) -> Result<(), SinkError> {
        self.send_first(out, self.waiting.len())
    }

    /// Writes the lines in the first `length` bytes of the buffer.
    pub(super) fn send_first(
        &mut self,
        out: &mut impl Write,
        length: usize,
    ) -> Result<(), SinkError> {
        if length == 0 {
            return Ok(());
        }
        if self.is_torn {
            out.write_all(b"\n").map_err(|error| self.failed(error))?;
        }
        let (sent, result) = write(out, &self.waiting[..length]);
        // JSON escapes line feeds, so each one in the buffer ends a line.
        let sent = &self.waiting[..sent];
        self.written += memchr::memchr_iter(b'\n', sent).count();
        self.is_torn = sent.last().is_some_and(|last| *last != b'\n');
        self.waiting.drain(..length);
        result.map_err(|error| self.failed(error))
    }
}

/// Writes as much as possible. Returns the number of written bytes.
fn write(out: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut sent = 0;
    while sent < bytes.len() {
        match out.write(&bytes[sent..]) {
            Ok(0) => return (sent, Err(ErrorKind::WriteZero.into())),
            // A broken writer may claim more than it was given.
            Ok(length) => sent = bytes.len().min(sent + length),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (sent, Err(error)),
        }
    }
    (sent, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    /// Accepts the given number of bytes at each call, or fails.
    #[derive(Clone, Default)]
    struct Script {
        steps: Arc<Mutex<VecDeque<Result<usize, ErrorKind>>>>,
        bytes: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let step = self.steps.lock().unwrap().pop_front().unwrap_or(Ok(usize::MAX));
            let length = step?.min(bytes.len());
            self.bytes.lock().unwrap().extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn records(count: usize) -> Vec<LogRecord> {
        let record = |number| LogRecord { id: format!("{number}"), ..LogRecord::default() };
        (0..count).map(record).collect()
    }

    fn ids(bytes: &[u8]) -> Vec<String> {
        let id = |line: &str| match serde_json::from_str::<LogRecord>(line) {
            Ok(record) => record.id,
            Err(_) => format!("torn: {}", line.len()),
        };
        str::from_utf8(bytes).unwrap().lines().map(id).collect()
    }

    #[test]
    fn a_line_equals_the_output_of_serde_json() {
        let record: LogRecord = serde_json::from_str(
            r#"{
                "id": "a\"b", "created_at": "2026-06-01T10:00:00.123Z", "flags": ["\u0001", "é"],
                "labels": {"a\\": "b"}, "metadata": {"k\n": "v", "n": 1.5, "i": 7, "t": true},
                "usage_metadata": {"tools": {"web_search": 1}, "parts": [{"model": "a longer model"}]},
                "status_code": 200, "cost": 0.0000561, "feedback": -1
            }"#,
        )
        .unwrap();
        let script = Script::default();
        JsonLines::new(script.clone()).write(std::slice::from_ref(&record)).unwrap();
        let line = serde_json::to_string(&record).unwrap() + "\n";
        assert_eq!(str::from_utf8(&script.bytes.lock().unwrap()).unwrap(), line);
    }

    #[test]
    fn partial_writes_still_give_one_line_per_record() {
        let script = Script::default();
        script.steps.lock().unwrap().extend([Ok(1), Err(ErrorKind::Interrupted), Ok(700), Ok(3)]);
        JsonLines::new(script.clone()).write(&records(3)).unwrap();
        assert_eq!(ids(&script.bytes.lock().unwrap()), ["0", "1", "2"]);
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next_and_whole_lines_are_counted() {
        let length = serde_json::to_vec(&records(1)[0]).unwrap().len() + 1;
        for (taken, whole, expected) in [
            (0, 0, vec!["7"]),
            (5, 0, vec!["torn: 5", "7"]),
            (length - 1, 0, vec!["0", "7"]),
            (length, 1, vec!["0", "7"]),
            (2 * length + 9, 2, vec!["0", "1", "torn: 9", "7"]),
        ] {
            let script = Script::default();
            let mut sink = JsonLines::new(script.clone());
            script.steps.lock().unwrap().extend([Ok(taken), Err(ErrorKind::StorageFull)]);
            if taken == 0 {
                script.steps.lock().unwrap().pop_front();
            }
            let error = sink.write(&records(3)).unwrap_err();
            assert_eq!((error.written, error.source.kind()), (whole, ErrorKind::StorageFull));
            // The newline itself may fail too.
            if taken % length != 0 {
                script.steps.lock().unwrap().push_back(Err(ErrorKind::StorageFull));
                assert_eq!(sink.write(&records(2)).unwrap_err().written, 0);
            }
            sink.write(&records(8)[7..]).unwrap();
            assert_eq!(ids(&script.bytes.lock().unwrap()), expected, "{taken}");
        }
    }

    #[test]
    fn a_writer_that_accepts_nothing_is_an_error() {
        let script = Script::default();
        script.steps.lock().unwrap().push_back(Ok(0));
        let error = JsonLines::new(script).write(&records(1)).unwrap_err();
        assert_eq!(error.source.kind(), ErrorKind::WriteZero);
    }

    #[test]
    fn a_batch_larger_than_a_chunk_is_written_in_several() {
        let script = Script::default();
        let mut records = records(6);
        for record in &mut records {
            record.path = "/".repeat(CHUNK / 2);
        }
        script.steps.lock().unwrap().extend([Ok(usize::MAX), Err(ErrorKind::Other)]);
        let error = JsonLines::new(script.clone()).write(&records).unwrap_err();
        assert_eq!(error.written, 2);
        assert_eq!(ids(&script.bytes.lock().unwrap()), ["0", "1"]);
    }
}
