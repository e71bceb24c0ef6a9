//! A gateway with limits, and its operator.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::program::Program;

const PATIENCE: Duration = Duration::from_secs(60);
/// The client's key for the provider.
pub const KEY: &str = "test-key";

pub struct Scene {
    program: Program,
    admin: SocketAddr,
    /// The lines on standard error.
    lines: Arc<Mutex<Vec<String>>>,
    _directory: TempDir,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Scene {
    pub fn new(rules: &str, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, rules).unwrap();
        let arguments = ["--mock", "--config", path.to_str().unwrap()];
        let mut program = Program::start_with(&arguments, |command| {
            command.env("RUST_LOG", "info").env("NO_COLOR", "1").stderr(Stdio::piped());
            command.envs(environment.iter().copied());
        });
        let (lines, stderr) = (Arc::<Mutex<Vec<_>>>::default(), program.stderr().unwrap());
        let log = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.lock().unwrap().push(line);
            }
        });
        let admin = program.admin.expect("there are pages of the operator");
        Self { program, admin, lines, _directory: directory }
    }

    /// Requests an operator's page. `line`: the method and the path.
    pub fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        ask(self.admin, line, headers, body)
    }

    pub fn post(&self, what: &str, body: &Value) -> Answer {
        let line = format!("POST /dashboard/api/limits/{what}");
        self.ask(&line, &["content-type: application/json"], &body.to_string())
    }

    pub fn limits(&self) -> Value {
        self.ask("GET /dashboard/api/limits", &[], "").json()
    }

    pub fn chat(&self, headers: &[&str]) -> Answer {
        let key = format!("authorization: Bearer {KEY}");
        let headers = [headers, &[&key, "content-type: application/json"]].concat();
        let body = r#"{"model":"grok-4.3","messages":[{"role":"user","content":"hi"}]}"#;
        ask(self.program.addr, "POST /v1/acct/gw/grok/v1/chat/completions", &headers, body)
    }

    /// The statuses of this many chats of a team.
    pub fn chats(&self, team: &str, count: usize) -> Vec<u16> {
        let metadata = json!({ "team": team }).to_string();
        let is_plain = |of: char| of == ' ' || of.is_ascii_graphic();
        let escaped = |of: char| match of {
            of if is_plain(of) => of.to_string(),
            of => format!("\\u{:04x}", u32::from(of)),
        };
        let metadata: String = metadata.chars().map(escaped).collect();
        let header = format!("cf-aig-metadata: {metadata}");
        (0..count).map(|_| self.chat(&[&header]).status).collect()
    }

    /// Waits for this many JSON lines on standard error with these words.
    pub fn reported(&self, words: &str, count: usize) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines.lock().unwrap().clone();
            let lines: Vec<_> = lines.into_iter().filter(|line| line.contains(words)).collect();
            if lines.len() >= count || Instant::now() > end {
                return lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

pub fn rule<'v>(limits: &'v Value, name: &str) -> &'v Value {
    let mut rules = limits["rules"].as_array().unwrap().iter();
    rules.find(|rule| rule["rule"] == name).unwrap_or_else(|| panic!("no {name}: {limits}"))
}

fn ask(addr: SocketAddr, line: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
