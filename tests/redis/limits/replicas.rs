//! Fixed windows over four processes: exactly the limit, and the losses of a killed process.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::processes::{CLIENTS, Processes};
use crate::server::Server;

const RULES: &str = r#"
[limits]
redis = { env = "REDIS_URL_0" }
deadline_ms = 10_000

[gateways.gw]
account = "acct"

[[gateways.gw.limit]]
name = "of-teams"
requests = 300
per = "month"
by = ["metadata:team"]
on_store_failure = "closed"
"#;

const LIMIT: usize = 300;
const TEAMS: usize = 20;

/// Sends `requests`, those of each team over all processes. Returns for each team how many were
/// granted, refused, and not answered. `before` is called before each request with its number.
fn ask(processes: &Processes, requests: usize, before: impl Fn(usize) + Sync) -> Vec<[usize; 3]> {
    let counts: Vec<[AtomicUsize; 3]> = (0..TEAMS).map(|_| Default::default()).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connections = processes.connect();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        break;
                    }
                    before(number);
                    // The remaining processes take over, as behind a load balancer.
                    let count = connections.len();
                    let mut turns = (0..count).map(|turn| (number / TEAMS + turn) % count);
                    let Some(at) = turns.find(|at| connections[*at].is_some()) else { break };
                    let team = number % TEAMS;
                    let connection = connections[at].as_mut().unwrap();
                    let outcome = match connection.ask("gw", &format!("t{team}"), "grok-4.3") {
                        Ok(200) => 0,
                        Ok(429) => 1,
                        Ok(status) => panic!("{status}"),
                        Err(_) => {
                            connections[at] = None;
                            2
                        }
                    };
                    counts[team][outcome].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let read = |of: [AtomicUsize; 3]| of.map(AtomicUsize::into_inner);
    counts.into_iter().map(read).collect()
}

#[test]
fn four_processes_grant_exactly_the_limit() {
    let server = Server::start(&[]);
    let processes = Processes::start(RULES, &[server.url()]);
    for (team, counts) in ask(&processes, 20_000, |_| {}).into_iter().enumerate() {
        assert_eq!(counts, [LIMIT, 20_000 / TEAMS - LIMIT, 0], "team {team}");
    }
}

#[test]
fn a_killed_process_loses_only_its_active_requests() {
    let server = Server::start(&[]);
    let processes = Processes::start(RULES, &[server.url()]);
    let kill = |number| {
        if number == 2_000 {
            processes.kill(0);
        }
    };
    let all = ask(&processes, 8_000, kill);
    for (team, [granted, _, lost]) in all.iter().enumerate() {
        assert!(
            *granted <= LIMIT && granted + lost >= LIMIT,
            "team {team}: {granted}, {lost} lost"
        );
    }
    let lost: usize = all.iter().map(|[.., lost]| lost).sum();
    assert!((1..=CLIENTS).contains(&lost), "{lost}: one for each client");
}
