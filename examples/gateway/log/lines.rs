//! Lines on their way to standard error. Callers do not wait for them.
//!
//! Standard error can be full, closed, or a pipe that nobody reads: a write then fails, or blocks for
//! ever. So lines wait in a bounded buffer for one thread that writes them. Lines that do not fit or
//! cannot be written are dropped and counted.
//!
//! Waking the thread, and a write, cost more than formatting the line. So after a write, the thread
//! lets lines gather for some milliseconds, in which nobody wakes it.

use std::{
    io::{self, ErrorKind},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

/// The maximum number of waiting bytes. The thread may hold as many again.
const MOST_WAITING: usize = 1024 * 1024;

/// Longer lines are cut.
const LONGEST_LINE: usize = 16 * 1024;

/// The length that is kept of the start of a cut line.
const KEPT: usize = 4 * 1024;

/// How long lines gather after a write.
const GATHER: Duration = Duration::from_millis(10);

/// They gather no longer once there are this many bytes.
const ENOUGH: usize = MOST_WAITING / 4;

/// The pause before another write to a descriptor that would block.
const PAUSE: Duration = Duration::from_millis(20);

/// A buffer of whole lines, and the thread that empties it. Clones share both.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Notifies the thread: there is something to write.
    wake: Condvar,
    /// Notifies callers of `flush`: a batch was written or dropped.
    done: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    thread: Thread,
    /// The number of callers that wait for the last line.
    flushing: usize,
}

/// The state of the thread.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Thread {
    /// Sleeping until there is a line.
    #[default]
    Idle,
    /// Letting lines gather.
    Gathering,
    Writing,
}

impl State {
    /// The number of bytes at which the thread is woken.
    fn enough(&self) -> usize {
        match self.thread {
            Thread::Idle => 1,
            Thread::Gathering if self.flushing > 0 => 1,
            Thread::Gathering => ENOUGH,
            Thread::Writing => usize::MAX,
        }
    }
}

impl Lines {
    /// Writes to `output` from a separate thread. If the thread cannot be started, all lines are
    /// dropped once the buffer is full.
    pub(crate) fn to(output: impl io::Write + Send + 'static) -> Self {
        let lines = Self(Arc::default());
        let shared = lines.0.clone();
        let _ = thread::Builder::new().name("log".into()).spawn(move || shared.write_to(output));
        lines
    }

    /// Adds a line, which ends with a line feed. Never blocks on the output.
    pub(crate) fn push(&self, line: &[u8]) {
        let cut = (line.len() > LONGEST_LINE).then(|| cut(line));
        let line = cut.as_deref().unwrap_or(line);
        let mut state = self.0.state();
        if state.waiting.len() + line.len() > MOST_WAITING {
            drop(state);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let before = state.waiting.len();
        state.waiting.extend_from_slice(line);
        let enough = state.enough();
        let is_now_enough = before < enough && state.waiting.len() >= enough;
        drop(state);
        if is_now_enough {
            self.0.wake.notify_one();
        }
    }

    /// The number of dropped lines so far.
    #[cfg(any(feature = "metrics", test))]
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines are written or dropped, but no longer than `patience`: the thread may
    /// block for ever.
    pub(crate) fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut state = self.0.state();
        state.flushing += 1;
        self.0.wake.notify_one();
        while state.thread == Thread::Writing || !state.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.0.done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.flushing -= 1;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut output: impl io::Write) {
        let mut batch = Vec::new();
        let mut is_line_open = false;
        let mut reported = 0;
        loop {
            self.take(&mut batch);
            // The part of a line that was written before an error must not become the start of this
            // line.
            if is_line_open {
                batch.insert(0, b'\n');
            }
            let written = write(&mut output, &batch);
            if let Some(last) = batch[..written].last() {
                is_line_open = *last != b'\n';
            }
            let lost = batch[written..].iter().filter(|byte| **byte == b'\n').count();
            batch.clear();
            let total = self.dropped.fetch_add(lost as u64, Ordering::Relaxed) + lost as u64;
            if lost == 0 && total > reported {
                tracing::warn!(dropped = total - reported, total, "log lines were dropped");
                reported = total;
            }
        }
    }

    /// Waits for lines and takes all of them.
    fn take(&self, batch: &mut Vec<u8>) {
        let mut state = self.state();
        if state.thread == Thread::Writing {
            state.thread = Thread::Gathering;
            self.done.notify_all();
            let until = Instant::now() + GATHER;
            while state.waiting.len() < state.enough() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let waited = self.wake.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            state.thread = Thread::Idle;
        }
        while state.waiting.is_empty() {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(&mut state.waiting, batch);
        state.thread = Thread::Writing;
    }
}

/// The number of bytes that were written before an error.
fn write(output: &mut impl io::Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match output.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(length) => written += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process with the same descriptor has made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    written
}

/// A line with the start of one that is too long, and its time and level.
fn cut(line: &[u8]) -> Vec<u8> {
    let begin = String::from_utf8_lossy(&line[..KEPT]);
    let mut parts = begin.splitn(3, ',');
    let head = match (parts.next(), parts.next()) {
        (Some(time), Some(level)) if time.starts_with("{\"timestamp\":\"") => {
            format!("{time},{level},")
        }
        _ => "{".to_owned(),
    };
    let begin = serde_json::Value::from(&*begin);
    let bytes = line.len();
    format!("{head}\"message\":\"a line was cut\",\"bytes\":{bytes},\"begin\":{begin}}}\n").into()
}

/// Each event is one line.
impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl io::Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
