//! Clients of several processes that keep sending requests while Redis is in trouble.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use self::Rule::{Closed, Local, Open};
use crate::limits::processes::{CLIENTS, Processes};
use crate::polling::wait_for;
use crate::server::Server;

/// Each rule is for the model with its name.
const RULES: &str = r#"
[gateways.gw]
account = "acct"

[[gateways.gw.limit]]
name = "of-closed"
requests = 60
per = "month"
models = ["grok-closed"]
on_store_failure = "closed"

[[gateways.gw.limit]]
name = "of-open"
requests = 60
per = "month"
models = ["grok-open"]
on_store_failure = "open"

[[gateways.gw.limit]]
name = "of-local"
requests = 60
per = "month"
models = ["grok-local"]
on_store_failure = "local"
"#;

pub(super) const LIMIT: usize = 60;
pub(super) const PROCESSES: usize = 4;
/// The tolerance for a busy machine, in addition to the time for which a request waits.
const SLACK: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Closed,
    Open,
    Local,
}

const RULES_IN_TURN: [(Rule, &str); 3] =
    [(Closed, "grok-closed"), (Open, "grok-open"), (Local, "grok-local")];

/// The state of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Calm,
    Trouble,
    /// Redis is well, and not all processes know it yet.
    Over,
    /// All processes know it.
    Well,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    rule: Rule,
    process: usize,
    /// `None` if the phase changed during the request.
    phase: Option<Phase>,
    status: u16,
    /// It took as long as a request waits for Redis.
    has_waited: bool,
}

pub(super) struct Scene {
    pub(super) processes: Processes,
    /// How long a request waits for Redis.
    deadline: Duration,
    phase: Mutex<Phase>,
    answers: Mutex<Vec<Answer>>,
    is_over: AtomicBool,
}

impl Scene {
    pub(super) fn new(redis: &str, urls: &[String], deadline: Duration) -> Self {
        let milliseconds = deadline.as_millis();
        let settings = format!("[limits]\n{redis}\ndeadline_ms = {milliseconds}\n{RULES}");
        Self {
            processes: Processes::start(&settings, urls),
            deadline,
            phase: Mutex::new(Phase::Calm),
            answers: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    pub(super) fn of(server: &Server, deadline: Duration) -> Self {
        Self::new(r#"redis = { env = "REDIS_URL_0" }"#, &[server.url()], deadline)
    }

    /// Runs the clients through all phases. `begins` and `ends` start and end the trouble.
    pub(super) fn go(&self, begins: impl FnOnce(), ends: impl FnOnce()) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let _end = End(&self.is_over);
            for _ in 0..CLIENTS {
                scope.spawn(|| self.keep_asking(&next));
            }
            wait_for("a part of the limits is used", || {
                self.answers.lock().unwrap().len() >= 2 * LIMIT
            });
            begins();
            self.enter(Phase::Trouble);
            self.each_process_has("closed rules close", Closed, Phase::Trouble, &[503]);
            self.each_process_has("open rules are open", Open, Phase::Trouble, &[200]);
            self.each_process_has("each counts by itself", Local, Phase::Trouble, &[429]);
            self.enter(Phase::Over);
            ends();
            self.each_process_has("it asks Redis again", Closed, Phase::Over, &[200, 429]);
            self.enter(Phase::Well);
            for (rule, _) in RULES_IN_TURN {
                self.each_process_has("Redis has counted all", rule, Phase::Well, &[429]);
            }
        });
    }

    fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap() = phase;
    }

    fn each_process_has(&self, what: &str, rule: Rule, phase: Phase, statuses: &[u16]) {
        let has = |process| {
            self.count(|answer| {
                (answer.rule, answer.process, answer.phase) == (rule, process, Some(phase))
                    && statuses.contains(&answer.status)
            }) > 0
        };
        wait_for(what, || (0..PROCESSES).all(has));
    }

    fn keep_asking(&self, next: &AtomicUsize) {
        let mut connections = self.processes.connect();
        while !self.is_over.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (rule, model) = RULES_IN_TURN[number % RULES_IN_TURN.len()];
            let process = number / RULES_IN_TURN.len() % PROCESSES;
            let phase = *self.phase.lock().unwrap();
            let started = Instant::now();
            let status = connections[process].as_mut().unwrap().ask("gw", "t", model);
            let took = started.elapsed();
            assert!(took < self.deadline + SLACK, "it took {took:?}");
            let status = status.expect("no request is lost");
            assert!([200, 429, 503].contains(&status), "{status}");
            let phase = Some(phase).filter(|phase| *phase == *self.phase.lock().unwrap());
            let has_waited = took >= self.deadline;
            let answer = Answer { rule, process, phase, status, has_waited };
            self.answers.lock().unwrap().push(answer);
        }
    }

    fn count(&self, condition: impl Fn(&Answer) -> bool) -> usize {
        self.answers.lock().unwrap().iter().filter(|answer| condition(answer)).count()
    }

    pub(super) fn statuses(&self, rule: Rule, status: u16) -> usize {
        self.count(|answer| answer.rule == rule && answer.status == status)
    }

    /// Failed requests that Redis may have counted. Those that failed at once did not reach it.
    pub(super) fn in_doubt(&self, rule: Rule) -> usize {
        self.count(|answer| answer.rule == rule && answer.status == 503 && answer.has_waited)
    }

    /// Checks what holds in every trouble. `forgotten`: how many requests Redis may have lost.
    pub(super) fn assert_as_the_rules_say(&self, forgotten: usize) {
        assert_eq!(self.statuses(Open, 503) + self.statuses(Local, 503), 0);
        let counted = self.count(|answer| {
            let is_counted = matches!(answer.phase, Some(Phase::Calm | Phase::Well));
            answer.rule == Open && is_counted && answer.status == 200
        });
        assert!(counted <= LIMIT + forgotten, "{counted} counted");
    }

    /// Checks what holds while Redis certainly counts nothing.
    pub(super) fn assert_certain_trouble(&self) {
        let are = |rule, statuses: &[u16]| {
            self.count(|answer| {
                (answer.rule, answer.phase) == (rule, Some(Phase::Trouble))
                    && !statuses.contains(&answer.status)
            }) == 0
        };
        assert!(are(Closed, &[503]) && are(Open, &[200]) && are(Local, &[200, 429]));
        for process in 0..PROCESSES {
            let granted = self.count(|answer| {
                (answer.rule, answer.process) == (Local, process)
                    && answer.phase == Some(Phase::Trouble)
                    && answer.status == 200
            });
            assert!(granted <= LIMIT, "{granted} by process {process}");
        }
    }
}

/// Stops the clients, even if a test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
