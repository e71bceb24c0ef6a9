//! System limits of a process, and signals.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use crate::process::scene::{STREAM, connect, get, refused, serves, stops};
use crate::support::polling::wait_for;
use crate::support::program::Program;

#[test]
fn exhausted_descriptors_and_an_unread_pipe_do_not_stop_the_gateway() {
    let mut program = Program::start_in_shell("ulimit -n 64; exec $GATEWAY --mock", |command| {
        command.env("RUST_LOG", "debug").stderr(Stdio::piped());
    });
    let addr = program.addr;
    let _unread = program.stderr();
    let mut early = connect(addr);
    refused(addr, 5000);

    let crowd: Vec<_> = (0..100).map(|_| connect(addr)).collect();
    // An open connection works while no other can be accepted.
    for _ in 0..20 {
        write!(early, "GET /healthz HTTP/1.1\r\nhost: {addr}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            let mut part = [0; 512];
            let length = early.read(&mut part).unwrap();
            assert!(length > 0, "the connection is kept");
            answer.extend_from_slice(&part[..length]);
        }
    }
    drop(crowd);
    wait_for("there is room again", || get(addr, "/healthz").starts_with("HTTP/1.1 200"));
    serves(addr);
    drop(early);
    stops(program);
}

#[test]
fn a_file_size_limit_does_not_stop_the_gateway() {
    let directory = tempfile::tempdir().unwrap();
    let script = "ulimit -f 16; exec $GATEWAY --mock --log records.jsonl 2> stderr.log";
    let program = Program::start_in_shell(script, |command| {
        command.current_dir(directory.path()).env("RUST_LOG", "debug");
    });
    refused(program.addr, 1000);
    serves(program.addr);
    // Records continue in a new file if the old one is full.
    for name in ["records", "stderr"] {
        let longest = || {
            let files = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
            let own = files.filter(|file| file.file_name().to_str().unwrap().starts_with(name));
            own.map(|file| file.metadata().unwrap().len()).max().unwrap()
        };
        wait_for("the limit is reached", || longest() > 15 * 1024);
        assert!(longest() <= 16 * 1024, "{name}");
    }
    serves(program.addr);
    stops(program);
}

/// The signal of logrotate and `systemctl reload`.
#[test]
fn a_hangup_does_not_end_a_gateway_without_a_file() {
    let program = Program::start(&["--mock"]);
    program.signal("HUP");
    serves(program.addr);
    assert!(program.stop().success());
}

fn read_until(stream: &mut TcpStream, end: &[u8]) {
    let (mut came, mut byte) = (Vec::new(), [0]);
    while !came.ends_with(end) {
        stream.read_exact(&mut byte).unwrap();
        came.extend(byte);
    }
}

#[test]
fn a_stream_cut_off_by_a_second_signal_is_logged() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let records = directory.path().join("records.jsonl");
    let moved = format!("grok=http://{}/v1", provider.local_addr().unwrap());
    let arguments = ["--provider", &moved, "--log", records.to_str().unwrap()];
    let program = Program::start(&arguments);
    let addr = program.addr;
    let mut client = connect(addr);
    let length = STREAM.len();
    write!(
        client,
        "POST /v1/acct/gw/grok/v1/chat/completions HTTP/1.1\r\nhost: {addr}\r\n\
         authorization: Bearer test-key\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{STREAM}"
    )
    .unwrap();
    let (mut answering, _) = provider.accept().unwrap();
    read_until(&mut answering, b"\r\n\r\n");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    write!(answering, "{head}data: {{\"choices\":[]}}\n\n").unwrap();
    read_until(&mut client, b"\n\n\r\n");
    program.signal("TERM");
    wait_for("the gateway accepts no more", || TcpStream::connect(addr).is_err());
    assert!(program.stop().success());
    let records = std::fs::read_to_string(records).unwrap();
    assert_eq!(records.lines().count(), 1, "{records}");
    assert!(records.contains(r#""outcome":"cancelled""#), "{records}");
}
