//! The example gateway as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A running gateway, stopped at the end of the test.
pub struct Program {
    child: Child,
    pub addr: SocketAddr,
    /// The address of the operator's pages, if there are any.
    pub admin: Option<SocketAddr>,
}

impl Program {
    /// Starts the example on a free port.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, |command| {
            command.env("RUST_LOG", "error");
        })
    }

    /// Starts the example with changes by `change`: environment, standard error, folder.
    pub fn start_with(arguments: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(binary());
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).args(arguments);
        change(&mut command);
        Self::spawn(&mut command)
    }

    /// Starts the example through a shell, for `ulimit` and closed descriptors. `$GATEWAY` is the
    /// example with its address; the script must end with `exec $GATEWAY …`.
    pub fn start_in_shell(script: &str, change: impl FnOnce(&mut Command)) -> Self {
        let gateway = format!("{} --listen 127.0.0.1:0 --admin 127.0.0.1:0", binary().display());
        let mut command = Command::new("bash");
        command.args(["-c", script]).env("GATEWAY", gateway);
        change(&mut command);
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        // Its output is written at once.
        let further = String::from_utf8_lossy(stdout.buffer()).into_owned();
        let admin = further.lines().find_map(|line| {
            let (_, url) =
                line.split_once("metrics at http://").or(line.split_once("dashboard at http://"))?;
            url.split('/').next()?.parse().ok()
        });
        let addr = line.trim().rsplit_once("http://").expect("it says where it listens").1;
        Self { addr: addr.parse().unwrap(), admin, child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard error, if that is piped.
    pub fn stderr(&mut self) -> Option<std::process::ChildStderr> {
        self.child.stderr.take()
    }

    /// Sends a signal by its name, such as `TERM` or `HUP`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Asks the gateway to stop, and waits for its exit.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `GATEWAY_BIN`, or else the example built with all features.
pub fn binary() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| std::env::var_os("GATEWAY_BIN").map_or_else(build, PathBuf::from)).clone()
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", "gateway", "--features", "full"]);
    assert!(cargo.status().unwrap().success(), "the example can be built");
    // This test is in `deps`, a sibling of the examples.
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(|deps| deps.parent()).unwrap().join("examples/gateway")
}
