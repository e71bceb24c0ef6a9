//! Requests to a gateway process, and waiting.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ChildStderr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::program::Program;

/// The timeout of all waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A chat request for the stand-in provider.
pub(crate) const CHAT: &str = r#"{"model":"grok-4.3","messages":[{"role":"user","content":"hi"}]}"#;

pub(crate) const STREAM: &str =
    r#"{"model":"grok-4.3","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The whole answer, head and body, on a new connection.
pub(crate) fn answer(addr: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = connect(addr);
    let length = body.len();
    write!(
        stream,
        "{head} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\nauthorization: Bearer test-key\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn get(addr: SocketAddr, path: &str) -> String {
    answer(addr, &format!("GET {path}"), "")
}

pub(crate) fn chat(addr: SocketAddr, body: &str) -> String {
    answer(addr, "POST /v1/acct/gw/grok/v1/chat/completions", body)
}

/// Checks that the gateway answers on its own, through the provider, and with a stream.
pub(crate) fn serves(addr: SocketAddr) {
    assert!(get(addr, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(chat(addr, CHAT).starts_with("HTTP/1.1 200"));
    let streamed = chat(addr, STREAM);
    assert!(streamed.starts_with("HTTP/1.1 200") && streamed.contains("[DONE]"), "{streamed}");
}

/// Sends many requests that the gateway refuses, each with a line in the log.
pub(crate) fn refused(addr: SocketAddr, count: usize) {
    const AT_ONCE: usize = 50;
    let mut stream = connect(addr);
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let request = format!("GET /v1/acct/gw/nosuch/x HTTP/1.1\r\nhost: {addr}\r\n\r\n");
    for _ in 0..count / AT_ONCE {
        stream.write_all(request.repeat(AT_ONCE).as_bytes()).unwrap();
        for _ in 0..AT_ONCE {
            let mut line = String::new();
            answers.read_line(&mut line).unwrap();
            assert!(line.starts_with("HTTP/1.1 400"), "{line}");
            let mut length = 0;
            while line != "\r\n" {
                line.clear();
                answers.read_line(&mut line).unwrap();
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
            }
            answers.read_exact(&mut vec![0; length]).unwrap();
        }
    }
}

/// The number of dropped lines that the gateway reports.
pub(crate) fn dropped(addr: SocketAddr) -> u64 {
    let page = get(addr, "/metrics");
    let line = page.lines().find(|line| line.starts_with("ai_gateway_log_lines_dropped_total "));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("the page counts them")
}

/// Checks that SIGTERM ends the idle process properly and in time.
pub(crate) fn stops(program: Program) {
    let begun = Instant::now();
    let status = program.stop();
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// Reads a program's standard error from now on.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    pub(crate) fn of(stderr: ChildStderr) -> Self {
        let log = Self::default();
        let text = log.0.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut text = text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        log
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().matches(what).count()
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}
