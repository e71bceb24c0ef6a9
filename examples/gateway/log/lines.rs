//! Lines on their way to standard error, for which nobody waits.
//!
//! Standard error can be full, closed, or a pipe that nobody reads: then a write fails, or blocks
//! for ever. So lines wait in a bounded buffer for one thread that writes them. What finds no room
//! or cannot be written is dropped and counted.
//!
//! To wake the thread, and a write, cost more than to make the line. So once it has written, the thread
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

/// How many bytes may wait; as many again may be with the thread.
const MOST_WAITING: usize = 1024 * 1024;

/// Longer lines are cut.
const LONGEST_LINE: usize = 16 * 1024;

/// What is kept of the beginning of a line that is cut.
const KEPT: usize = 4 * 1024;

/// How long lines may gather behind one that was written at once.
const GATHER: Duration = Duration::from_millis(10);

/// They gather no longer where there are as many bytes.
const ENOUGH: usize = MOST_WAITING / 4;

/// How long until a descriptor that would block is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// A buffer of whole lines, and the thread that empties it. Clones share both.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// For the thread: there is something to write.
    wake: Condvar,
    /// For those who wait: a batch is written or dropped.
    done: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    thread: Thread,
    /// How many wait for the last line.
    flushing: usize,
}

/// What the thread does.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Thread {
    /// It sleeps until there is a line.
    #[default]
    Idle,
    /// It lets lines gather.
    Gathering,
    Writing,
}

impl State {
    /// How many bytes are worth waking the thread.
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
    /// Writes to `output` from a thread of its own. Without one, once the buffer is full, all lines
    /// are dropped.
    pub(crate) fn to(output: impl io::Write + Send + 'static) -> Self {
        let lines = Self(Arc::default());
        let shared = lines.0.clone();
        let _ = thread::Builder::new().name("log".into()).spawn(move || shared.write_to(output));
        lines
    }

    /// Adds a line, which ends in a line feed. It never blocks on the output.
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

    /// How many lines were dropped so far.
    #[cfg(any(feature = "metrics", test))]
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines are written or dropped, but no longer than `patience`: the thread may
    /// be blocked for ever.
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
        let mut told = 0;
        loop {
            self.take(&mut batch);
            // What was written of a line before an error must not become the beginning of this one.
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
            if lost == 0 && total > told {
                tracing::warn!(dropped = total - told, total, "log lines were dropped");
                told = total;
            }
        }
    }

    /// Waits for lines and takes all.
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

/// How many bytes were written before an error.
fn write(output: &mut impl io::Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match output.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(length) => written += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Somebody else with the same descriptor has made it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    written
}

/// A line with the beginning of one that is too long, and its time and level.
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
