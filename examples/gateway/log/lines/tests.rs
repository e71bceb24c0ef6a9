//! Lines stay whole and in order, whatever the output does, and callers do not wait.

use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

/// An output that follows a script, write by write, and blocks while there is no step.
struct Scripted {
    steps: Receiver<Result<usize, ErrorKind>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl io::Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.steps.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.written.lock().unwrap().extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Steps = Sender<Result<usize, ErrorKind>>;

fn scripted() -> (Lines, Steps, Arc<Mutex<Vec<u8>>>) {
    let (sender, steps) = mpsc::channel();
    let written = Arc::new(Mutex::new(Vec::new()));
    (Lines::to(Scripted { steps, written: written.clone() }), sender, written)
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_thread_survives_every_error_and_lines_stay_whole() {
    let (lines, steps, written) = scripted();
    for (line, step) in [
        ("one\n", Ok(usize::MAX)),
        ("lost\n", Err(ErrorKind::StorageFull)),
        ("lost\n", Err(ErrorKind::BrokenPipe)),
        ("two\n", Err(ErrorKind::Interrupted)),
        ("half\n", Ok(2)),
    ] {
        lines.push(line.as_bytes());
        steps.send(step).unwrap();
        let then = match step {
            Err(ErrorKind::Interrupted) => Some(Ok(usize::MAX)),
            Ok(2) => Some(Err(ErrorKind::Other)),
            _ => None,
        };
        if let Some(step) = then {
            steps.send(step).unwrap();
        }
        lines.flush(PATIENCE);
    }
    drop(steps);
    lines.push(b"three\n");
    lines.flush(PATIENCE);
    assert_eq!(String::from_utf8_lossy(&written.lock().unwrap()), "one\ntwo\nha\nthree\n");
    assert_eq!(lines.dropped(), 3);
}

#[test]
fn a_blocked_output_blocks_no_caller_and_holds_bounded_memory() {
    let (lines, steps, written) = scripted();
    let line = [&[b'x'; 99][..], b"\n"].concat();
    for _ in 0..50_000 {
        lines.push(&line);
    }
    let begun = Instant::now();
    lines.flush(Duration::from_millis(50));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(lines.0.state().waiting.len() <= MOST_WAITING);
    let dropped = usize::try_from(lines.dropped()).unwrap();
    drop(steps);
    lines.flush(PATIENCE);
    let written = written.lock().unwrap().len();
    assert_eq!(written + dropped * line.len(), 50_000 * line.len());
    assert!(written <= 2 * MOST_WAITING, "{written}");
}

/// An output that counts writes.
struct Counted(Arc<AtomicU64>);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_in_quick_succession_are_written_together() {
    let writes = Arc::new(AtomicU64::new(0));
    let lines = Lines::to(Counted(writes.clone()));
    let begun = Instant::now();
    for _ in 0..300 {
        lines.push(b"a line\n");
        // Long enough for the thread to have written it by then.
        thread::sleep(Duration::from_micros(200));
    }
    lines.flush(PATIENCE);
    let most = begun.elapsed().as_millis() / GATHER.as_millis() + 2;
    let writes = writes.load(Ordering::Relaxed);
    assert!(u128::from(writes) <= most, "{writes} writes of {most}");
    assert_eq!(lines.dropped(), 0);
}

#[test]
fn lines_stay_in_order_and_none_is_lost_if_there_is_room() {
    let (lines, steps, written) = scripted();
    drop(steps);
    thread::scope(|scope| {
        for thread in 0..4 {
            let lines = &lines;
            scope.spawn(move || {
                for line in 0..2000 {
                    lines.push(format!("{thread} {line}\n").as_bytes());
                }
            });
        }
    });
    lines.flush(PATIENCE);
    let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    for thread in 0..4 {
        let of: Vec<usize> = written
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{thread} ")))
            .map(|line| line.parse().unwrap())
            .collect();
        assert_eq!(of, (0..2000).collect::<Vec<_>>());
    }
}

#[test]
fn a_long_line_is_cut_and_stays_json() {
    let (lines, steps, written) = scripted();
    drop(steps);
    let text = "\"é".repeat(100_000);
    let long = serde_json::json!({ "timestamp": "now", "x": "y", "z": text }).to_string();
    let long = long.replacen("\"x\":\"y\"", "\"level\":\"INFO\"", 1) + "\n";
    lines.push(long.as_bytes());
    lines.push(&[b'x'; 100_000]);
    lines.flush(PATIENCE);
    let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    let cut: Vec<serde_json::Value> =
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&cut[0]["timestamp"], &cut[0]["level"]), (&"now".into(), &"INFO".into()));
    assert_eq!(cut[0]["bytes"], long.len());
    assert_eq!(cut[1]["bytes"], 100_000);
    assert!(written.len() < LONGEST_LINE * 2);
}
