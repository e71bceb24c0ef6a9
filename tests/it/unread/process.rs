//! The example gateway as a process, whose clients stop reading.

use http::{Request, Version};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::client::{Connection, full, request};
use crate::support::polling::eventually;
use crate::support::program::{self, Program};
use crate::support::{guard, message, wire::Wire};
use crate::unread::frames::Frames;
use crate::unread::scene::{PATH, endless};

fn descriptors(program: &Program) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", program.pid())).unwrap().count()
}

#[tokio::test]
async fn clients_that_do_not_read_leak_no_descriptor() {
    let (upstream, mut hung_up) = endless().await;
    let provider = format!("grok=http://{upstream}/v1");
    let program = Program::start_with(&["--provider", &provider], |command| {
        command.env("RUST_LOG", "error").env("GATEWAY_WRITE_TIMEOUT", "1");
    });
    let unread = async || {
        let mut client = Wire::connect(program.addr).await;
        client.send(message::request(&format!("POST {PATH}"), &[], b"{}")).await;
        client
    };
    // The program opens some descriptors at its first request, and keeps them.
    let first = unread().await;
    guard("the gateway hangs up", hung_up.recv()).await.unwrap();
    drop(first);
    let before = descriptors(&program);
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(unread().await);
    }
    for _ in &clients {
        guard("the gateway hangs up", hung_up.recv()).await.unwrap();
    }
    eventually("all descriptors are closed", async || descriptors(&program) <= before).await;
    drop(clients);
    let stopped = tokio::task::spawn_blocking(|| program.stop());
    assert!(guard("the program stops", stopped).await.unwrap().success());
}

#[tokio::test]
async fn http2_clients_with_closed_windows_lose_their_upstream_in_time() {
    let (upstream, mut hung_up) = endless().await;
    let provider = format!("grok=http://{upstream}/v1");
    let program = Program::start(&["--provider", &provider]);
    const TOTAL: (&str, &str) = ("cf-aig-total-timeout", "2500");

    // A client that reads only the head, …
    let mut lazy = Connection::open(program.addr, Version::HTTP_2).await;
    let asked = request(Version::HTTP_2, "POST", PATH, &[TOTAL], full("{}"));
    let response = lazy.send(asked).await;
    guard("the gateway hangs up", hung_up.recv()).await.unwrap();

    // … one whose windows were never open, …
    let io = TokioIo::new(TcpStream::connect(program.addr).await.unwrap());
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) =
        builder.initial_stream_window_size(0).handshake(io).await.unwrap();
    tokio::spawn(connection);
    let asked = Request::post(format!("http://gateway.test{PATH}")).header(TOTAL.0, TOTAL.1);
    let shut = guard("a head", sender.send_request(asked.body(full("{}")).unwrap())).await;
    guard("the gateway hangs up", hung_up.recv()).await.unwrap();

    // … and one with hand-written frames.
    let frames = Frames::ask_with(program.addr, PATH, &[TOTAL]).await;
    guard("the gateway hangs up", hung_up.recv()).await.unwrap();
    frames.ping().await;
    drop((response, shut));
}

#[test]
fn invalid_bounds_are_refused() {
    for name in ["GATEWAY_WRITE_TIMEOUT", "GATEWAY_MAX_CONNECTIONS"] {
        for value in ["0", "-1", "soon"] {
            let mut command = std::process::Command::new(program::binary());
            command.args(["--listen", "127.0.0.1:0"]).env(name, value);
            let output = command.output().unwrap();
            assert!(!output.status.success(), "{name}={value}");
            let reported = String::from_utf8(output.stderr).unwrap();
            assert!(reported.contains(name), "{reported}");
        }
    }
}
