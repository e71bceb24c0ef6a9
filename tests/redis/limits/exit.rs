//! A gateway that exits while Redis is unavailable.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::polling::{TOO_LONG, wait_for};
use crate::program::Program;
use crate::server::{Server, signal};

const RULES: &str = r#"
[limits]
redis = { env = "REDIS_URL" }
deadline_ms = 10_000

[gateways.gw]
account = "acct"

[[gateways.gw.limit]]
name = "tokens"
tokens = 1_000_000
per = "month"
"#;

const ANSWER: &str = r#"{"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}"#;

/// Reads up to the end of a head.
fn head(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(TOO_LONG)).unwrap();
    let (mut came, mut byte) = (Vec::new(), [0]);
    while !came.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        came.extend(byte);
    }
    came
}

#[test]
fn the_last_usage_is_counted_when_redis_is_back() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, RULES).unwrap();
    let provider_option = format!("grok=http://{}/v1", provider.local_addr().unwrap());
    let arguments = ["--config", config.to_str().unwrap(), "--provider", &provider_option];
    let program = Program::start_with(&arguments, |command| {
        command.env("RUST_LOG", "error").env("REDIS_URL", server.url());
    });
    let gateway = program.addr;

    let body = r#"{"model":"grok-4.3","messages":[]}"#;
    let mut client = TcpStream::connect(gateway).unwrap();
    let length = body.len();
    write!(
        client,
        "POST /v1/acct/gw/grok/v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\n\
         authorization: Bearer test-key\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let (mut asked, _) = provider.accept().unwrap();
    head(&mut asked);
    let held =
        |server: &Server| server.keys().into_iter().filter(|key| key.ends_with(":h")).count();
    assert_eq!(held(&server), 1, "what it may use is reserved");

    // It has its data and none of its connections, and answers once it goes on.
    server.kill();
    assert!(server.run());
    let process = server.info("server", "process_id");
    signal(&process, "STOP");
    let length = ANSWER.len();
    write!(
        asked,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{ANSWER}"
    )
    .unwrap();
    assert!(head(&mut client).starts_with(b"HTTP/1.1 200"));
    client.read_to_end(&mut Vec::new()).unwrap();
    let stopped = thread::spawn(|| program.stop());
    wait_for("the gateway serves no more", || TcpStream::connect(gateway).is_err());
    signal(&process, "CONT");
    assert!(stopped.join().unwrap().success());
    assert_eq!(held(&server), 0, "it is settled: {:?}", server.keys());
}
