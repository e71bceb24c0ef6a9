//! Four gateway processes that count in one Redis.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::program::Program;
use crate::server::{Server, TOO_LONG};

const RULES: &str = r#"
[limits]
redis = { env = "REDIS_URL" }
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
const CLIENTS: usize = 8;

struct Replicas {
    _server: Server,
    _folder: tempfile::TempDir,
    programs: Mutex<Vec<Option<Program>>>,
    addresses: Vec<SocketAddr>,
}

impl Replicas {
    fn start() -> Self {
        let server = Server::start(&[]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, RULES).unwrap();
        let arguments = ["--mock", "--config", path.to_str().unwrap()];
        let start = |_| {
            Program::start_with(&arguments, |command| {
                command.env("RUST_LOG", "error").env("REDIS_URL", server.url());
            })
        };
        let programs: Vec<_> = (0..4).map(start).collect();
        let addresses = programs.iter().map(|program| program.addr).collect();
        let programs = Mutex::new(programs.into_iter().map(Some).collect());
        Self { _server: server, _folder: folder, programs, addresses }
    }

    /// Sends this many requests, each team's to all replicas. Returns how many each team was
    /// granted, refused, and not answered. `before`: called before each request with its number.
    fn ask(&self, requests: usize, before: impl Fn(usize) + Sync) -> Vec<[usize; 3]> {
        let counts: Vec<[AtomicUsize; 3]> = (0..TEAMS).map(|_| Default::default()).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let connect = |address: &SocketAddr| Connection::new(*address).ok();
                    let mut connections: Vec<_> = self.addresses.iter().map(connect).collect();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= requests {
                            break;
                        }
                        before(number);
                        // The remaining replicas take over, as behind a load balancer.
                        let count = connections.len();
                        let mut turns = (0..count).map(|turn| (number / TEAMS + turn) % count);
                        let Some(at) = turns.find(|at| connections[*at].is_some()) else { break };
                        let team = number % TEAMS;
                        let answer = connections[at].as_mut().unwrap().ask(team);
                        let outcome = match answer {
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
}

/// A persistent connection.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn new(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TOO_LONG))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    fn ask(&mut self, team: usize) -> io::Result<u16> {
        let body = r#"{"model":"grok-4.3","messages":[]}"#;
        let length = body.len();
        let request = format!(
            "POST /v1/acct/gw/grok/v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\n\
             authorization: Bearer test-key\r\ncontent-type: application/json\r\n\
             cf-aig-metadata: {{\"team\":\"t{team}\"}}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            }
            if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            }
            assert!(!line.starts_with("transfer-encoding"), "{line}");
        }
        io::copy(&mut self.0.by_ref().take(length), &mut io::sink())?;
        Ok(status)
    }
}

#[test]
fn four_processes_let_exactly_the_limit_pass() {
    let replicas = Replicas::start();
    for (team, counts) in replicas.ask(20_000, |_| {}).into_iter().enumerate() {
        assert_eq!(counts, [LIMIT, 20_000 / TEAMS - LIMIT, 0], "team {team}");
    }
}

#[test]
fn a_process_that_is_killed_takes_what_it_had_under_way_and_no_more() {
    let replicas = Replicas::start();
    let kill = |number| {
        if number == 2_000 {
            replicas.programs.lock().unwrap()[0].take().unwrap().signal("KILL");
        }
    };
    let all = replicas.ask(8_000, kill);
    for (team, [granted, _, lost]) in all.iter().enumerate() {
        assert!(
            *granted <= LIMIT && granted + lost >= LIMIT,
            "team {team}: {granted}, {lost} lost"
        );
    }
    let lost: usize = all.iter().map(|[.., lost]| lost).sum();
    assert!((1..=CLIENTS).contains(&lost), "{lost}: one for each client");
}
