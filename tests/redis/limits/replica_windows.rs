//! Sliding windows and buckets over four processes: no request passes without room, and none is refused
//! if there is room.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::processes::{CLIENTS, Processes};
use crate::server::Server;

const RULES: &str = r#"
[limits]
redis = { env = "REDIS_URL_0" }
deadline_ms = 10_000

[gateways.sliding]
account = "acct"

[[gateways.sliding.limit]]
name = "sliding"
requests = 50
technique = "sliding"
window_ms = 1000
on_store_failure = "closed"

[gateways.bucket]
account = "acct"

[[gateways.bucket.limit]]
name = "bucket"
requests = 50
technique = "bucket"
window_ms = 1000
burst = 100
on_store_failure = "closed"
"#;

const LIMIT: u64 = 50;
const BURST: u64 = 100;
/// The length of both windows, in milliseconds.
const LENGTH: u64 = 1000;
const TIME: Duration = Duration::from_secs(5);
/// The maximum difference between the server's clock and ours, in milliseconds.
const SLACK: u64 = 5;

/// The earliest and the latest time at which a request was decided, by the clock of this machine.
#[derive(Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
}

/// The results of one gateway's requests.
#[derive(Default)]
struct Answers {
    granted: Vec<Span>,
    refused: Vec<Span>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// The answers of four processes in [`TIME`], for both gateways.
fn ask() -> [Answers; 2] {
    let server = Server::start(&[]);
    let processes = Processes::start(RULES, &[server.url()]);
    let answers: [Mutex<Answers>; 2] = Default::default();
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connections = processes.connect();
                while started.elapsed() < TIME {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let (kind, at) = (number % 2, number / 2 % connections.len());
                    let gateway = ["sliding", "bucket"][kind];
                    let from = now() - SLACK;
                    let status = connections[at].as_mut().unwrap().ask(gateway, "t", "grok-4.3");
                    let span = Span { from, to: now() + SLACK };
                    let mut answers = answers[kind].lock().unwrap();
                    match status.unwrap() {
                        200 => answers.granted.push(span),
                        429 => answers.refused.push(span),
                        status => panic!("{status}"),
                    }
                }
            });
        }
    });
    answers.map(|answers| answers.into_inner().unwrap())
}

/// The times of granted requests.
struct Granted {
    from: Vec<u64>,
    to: Vec<u64>,
}

impl Granted {
    fn new(spans: &[Span]) -> Self {
        let mut from: Vec<_> = spans.iter().map(|span| span.from).collect();
        let mut to: Vec<_> = spans.iter().map(|span| span.to).collect();
        from.sort_unstable();
        to.sort_unstable();
        Self { from, to }
    }

    /// How many were certainly decided outside these times, and how many possibly.
    fn outside(&self, first: u64, last: u64) -> (usize, usize) {
        let begun = self.from.partition_point(|from| *from < first);
        let over = self.to.partition_point(|to| *to < first);
        let begins = self.from.len() - self.from.partition_point(|from| *from <= last);
        let ends = self.to.len() - self.to.partition_point(|to| *to <= last);
        (over + begins, begun + ends)
    }

    /// The minimum number that were decided between these times.
    fn least(&self, first: u64, last: u64) -> u64 {
        self.from.len().saturating_sub(self.outside(first, last).1) as u64
    }

    /// The maximum number.
    fn most(&self, first: u64, last: u64) -> u64 {
        (self.from.len() - self.outside(first, last).0) as u64
    }
}

/// The count of the previous window declines evenly, as documented.
fn assert_slides(answers: &Answers) {
    let granted = Granted::new(&answers.granted);
    // Requests that were certainly decided within one window.
    let known = |spans: &[Span]| {
        let spans = spans.iter().copied();
        spans.filter(|span| span.from / LENGTH == span.to / LENGTH).collect::<Vec<_>>()
    };
    let start = |span: &Span| span.from / LENGTH * LENGTH;
    for span in known(&answers.granted) {
        let start = start(&span);
        let before = granted.least(start - LENGTH, start - 1);
        let rest = LENGTH - span.to % LENGTH;
        let used = granted.least(start, span.from - 1) + before * rest / LENGTH;
        assert!(used < LIMIT, "one passes beside {used}");
    }
    let refused = known(&answers.refused);
    assert!(refused.len() > 100, "{}: nothing was tried", refused.len());
    for span in refused {
        let start = start(&span);
        let before = granted.most(start - LENGTH, start - 1);
        let rest = LENGTH - span.from % LENGTH;
        let used = granted.most(start, span.to) + (before * rest).div_ceil(LENGTH);
        assert!(used >= LIMIT, "one is refused beside {used}");
    }
}

/// A bucket that was full at first passes exactly what has flowed in since.
fn assert_flows(answers: &Answers) {
    let granted = Granted::new(&answers.granted);
    for first in &granted.from {
        for last in granted.to.iter().filter(|last| *last > first) {
            let passed = granted.least(*first, *last);
            let most = BURST + (last - first) * LIMIT / LENGTH + 1;
            assert!(passed <= most, "{passed} pass in {} ms", last - first);
        }
    }
    assert!(answers.refused.len() > 100, "{}: nothing was tried", answers.refused.len());
    let mut refused = answers.refused.clone();
    refused.sort_unstable_by_key(|span| span.to);
    let passed = granted.most(granted.from[0], refused[0].to);
    assert!(passed + 1 >= BURST, "the first one is refused beside {passed}");
    // The bucket was empty when one was refused, and has not overflowed since, however few requests
    // came.
    let mut most_flowed = 0;
    for span in &refused {
        let is_near = |empty: &Span| empty.to + BURST * LENGTH / LIMIT > span.from;
        let empty = refused[refused.partition_point(|empty| !is_near(empty))];
        let passed = granted.most(empty.from, span.to);
        let flowed = span.from.saturating_sub(empty.to) * LIMIT / LENGTH;
        assert!(passed + 1 >= flowed, "one is refused beside {passed}, {flowed} flowed in");
        most_flowed = most_flowed.max(flowed);
    }
    assert!(most_flowed > LIMIT / 2, "{most_flowed}: nothing was tried");
}

#[test]
fn sliding_windows_and_buckets_are_exact_over_four_processes() {
    let [sliding, bucket] = ask();
    assert_slides(&sliding);
    assert_flows(&bucket);
}
