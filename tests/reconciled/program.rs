//! The example gateway as a program of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A running gateway, ended with the test.
pub struct Program {
    child: Child,
    pub addr: SocketAddr,
}

impl Program {
    /// Starts `GATEWAY_BIN`, or else builds the example and starts that.
    pub fn start(arguments: &[&str]) -> Self {
        let given = std::env::var_os("GATEWAY_BIN").map(PathBuf::from);
        let mut child = Command::new(given.unwrap_or_else(build))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().rsplit_once("http://").expect("it says where it listens").1;
        Self { addr: addr.parse().unwrap(), child }
    }

    /// Asks the gateway to stop and waits until it has.
    pub fn stop(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", "gateway", "--features", "full"]);
    assert!(cargo.status().unwrap().success(), "the example can be built");
    // This test lies in `deps`, beside which the examples are.
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(|deps| deps.parent()).unwrap().join("examples/gateway")
}
