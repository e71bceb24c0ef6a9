//! Four processes whose Redis halts, is full, or fails over under way: no request is lost or hangs, and
//! what counts is what each rule's `on_store_failure` says.

use std::cell::{Cell, RefCell};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::processes::{CLIENTS, Processes};
use crate::cluster::Cluster;
use crate::server::{Server, wait_for};

/// Each rule is for a model of its name.
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

const LIMIT: usize = 60;
const PROCESSES: usize = 4;
/// What a machine with much else to do may add to the time for which a request waits.
const SLACK: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Closed,
    Open,
    Local,
}

use Rule::{Closed, Local, Open};

const RULES_IN_TURN: [(Rule, &str); 3] =
    [(Closed, "grok-closed"), (Open, "grok-open"), (Local, "grok-local")];

/// How things are with Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Calm,
    Trouble,
    /// It is well, and not all processes have found out.
    Over,
    /// All have.
    Well,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    rule: Rule,
    process: usize,
    /// `None` where it was another at the end of the request than at its beginning.
    phase: Option<Phase>,
    status: u16,
    /// It took as long as a request waits for Redis.
    has_waited: bool,
}

struct Scene {
    processes: Processes,
    /// What a request waits for Redis.
    deadline: Duration,
    phase: Mutex<Phase>,
    answers: Mutex<Vec<Answer>>,
    is_over: AtomicBool,
}

impl Scene {
    fn new(redis: &str, urls: &[String], deadline: Duration) -> Self {
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

    fn of(server: &Server, deadline: Duration) -> Self {
        Self::new(r#"redis = { env = "REDIS_URL_0" }"#, &[server.url()], deadline)
    }

    /// Lets clients ask while all phases pass. `begins` and `ends` are of the trouble.
    fn go(&self, begins: impl FnOnce(), ends: impl FnOnce()) {
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

    fn statuses(&self, rule: Rule, status: u16) -> usize {
        self.count(|answer| answer.rule == rule && answer.status == status)
    }

    /// What Redis may have counted although it has failed: those that fail at once did not get there.
    fn in_doubt(&self, rule: Rule) -> usize {
        self.count(|answer| answer.rule == rule && answer.status == 503 && answer.has_waited)
    }

    /// What holds in every trouble. `forgotten`: how many Redis may no longer know of.
    fn assert_as_the_rules_say(&self, forgotten: usize) {
        assert_eq!(self.statuses(Open, 503) + self.statuses(Local, 503), 0);
        let counted = self.count(|answer| {
            let is_counted = matches!(answer.phase, Some(Phase::Calm | Phase::Well));
            answer.rule == Open && is_counted && answer.status == 200
        });
        assert!(counted <= LIMIT + forgotten, "{counted} counted");
    }

    /// What holds while it is certain that Redis takes nothing.
    fn assert_certain_trouble(&self) {
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

/// Ends the clients, also where a test has failed.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_full_redis_takes_nothing_and_each_rule_says_what_becomes_of_requests() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    // Errors come at once: nothing is left in doubt.
    let scene = Scene::of(&server, Duration::from_secs(10));
    scene.go(
        || drop(server.call(&["CONFIG", "SET", "maxmemory", "1"])),
        || drop(server.call(&["CONFIG", "SET", "maxmemory", "0"])),
    );
    scene.assert_as_the_rules_say(0);
    scene.assert_certain_trouble();
    assert_eq!(scene.statuses(Closed, 200), LIMIT);
    assert_eq!(scene.statuses(Local, 200), LIMIT + PROCESSES * LIMIT);
}

/// What it has answered is on its disk.
#[test]
fn a_redis_that_is_killed_and_started_again_is_found_by_each_process() {
    let server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let scene = Scene::of(&server, Duration::from_millis(500));
    let server = RefCell::new(server);
    scene.go(|| server.borrow_mut().kill(), || assert!(server.borrow_mut().run()));
    scene.assert_as_the_rules_say(0);
    scene.assert_certain_trouble();
    // Those that were under way when it was killed may have counted.
    let (granted, in_doubt) = (scene.statuses(Closed, 200), scene.in_doubt(Closed) + CLIENTS);
    assert!(granted <= LIMIT && granted + in_doubt >= LIMIT, "{granted}, {in_doubt} in doubt");
    let granted = scene.statuses(Local, 200);
    assert!(granted <= LIMIT + PROCESSES * LIMIT, "{granted}");
}

#[test]
fn a_redis_that_halts_hangs_no_request() {
    let server = Server::start(&[]);
    let scene = Scene::of(&server, Duration::from_millis(200));
    scene.go(
        || drop(server.call(&["CLIENT", "PAUSE", "60000", "WRITE"])),
        || drop(server.call(&["CLIENT", "UNPAUSE"])),
    );
    scene.assert_as_the_rules_say(0);
    scene.assert_certain_trouble();
    // Those that were no longer waited for may have counted.
    let (granted, in_doubt) = (scene.statuses(Closed, 200), scene.in_doubt(Closed));
    assert!(granted <= LIMIT && granted + in_doubt >= LIMIT, "{granted}, {in_doubt} in doubt");
    let granted = scene.statuses(Local, 200);
    assert!((PROCESSES * LIMIT..=LIMIT + PROCESSES * LIMIT).contains(&granted), "{granted}");
}

#[test]
fn a_node_that_is_killed_is_followed_by_its_replica() {
    let mut cluster = Cluster::start();
    let urls = cluster.urls();
    let nodes = (0..urls.len()).map(|number| format!("{{ env = \"REDIS_URL_{number}\" }}"));
    let nodes = nodes.collect::<Vec<_>>().join(", ");
    let redis = format!("redis_cluster = [{nodes}]");
    let scene = Scene::new(&redis, &urls, Duration::from_millis(300));
    // All counters of the gateway are on one node.
    let first = &mut scene.processes.connect()[0];
    wait_for("the cluster counts", || {
        first.as_mut().unwrap().ask("gw", "t", "grok-closed").unwrap() == 200
    });
    let has_keys = |node: &Server| node.call(&["DBSIZE"]).number() > 0;
    let owner = cluster.masters.iter().position(has_keys).unwrap();
    cluster.add_replica(owner);
    let is_replaced = |replica: &Server| replica.info("replication", "role") == "master";
    let cluster = RefCell::new(cluster);
    // What is granted while the node is killed may not have reached the replica.
    let last = Cell::new(0);
    scene.go(
        || {
            let before = scene.statuses(Closed, 200);
            cluster.borrow().wait_for_replica(owner);
            cluster.borrow_mut().masters[owner].kill();
            last.set(scene.statuses(Closed, 200) - before + CLIENTS);
        },
        || {
            let cluster = cluster.borrow();
            wait_for("the replica is the master", || {
                cluster.replica.as_ref().is_some_and(is_replaced)
            });
        },
    );
    scene.assert_as_the_rules_say(last.get());
    // One was asked before. Those that were under way when the node was killed may have counted, too.
    let (granted, in_doubt) = (1 + scene.statuses(Closed, 200), scene.in_doubt(Closed) + CLIENTS);
    assert!(
        granted <= LIMIT + last.get() && granted + in_doubt >= LIMIT,
        "{granted}, {in_doubt} in doubt, {} at last",
        last.get()
    );
    let granted = scene.statuses(Local, 200);
    assert!(granted <= LIMIT + last.get() + PROCESSES * LIMIT, "{granted}");
}
