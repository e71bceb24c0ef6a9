//! Child processes, each on one core, that end with the leading process.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::BoxError;

const STARTING: Duration = Duration::from_secs(10);
const STOPPING: Duration = Duration::from_secs(5);

/// A server, stopped when this is dropped, or when the leading process ends for any reason.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts `command`, and waits until it accepts connections at its port.
    pub(crate) fn start(mut command: Command, port: u16) -> Result<Self, BoxError> {
        Self::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()), port)
    }

    /// Like [`start`](Self::start), with the pipes of `command`.
    pub(crate) fn spawn(command: &mut Command, port: u16) -> Result<Self, BoxError> {
        let mut server = Self { child: command.spawn()?, port };
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("a server ended as it started: {status}").into());
            }
            if started.elapsed() > STARTING {
                return Err("a server does not accept connections".into());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// The pipes. Can be called once, if the server was spawned with pipes.
    pub(crate) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Sends SIGTERM: otherwise nginx would leave its worker running.
        let told = Command::new("kill").arg(self.pid().to_string()).status();
        let stopped = Instant::now();
        while told.is_ok() && stopped.elapsed() < STOPPING {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command for `program` on these cores. Both tools `exec` the program, so the process id stays
/// the same.
pub(crate) fn pinned(cores: &[usize], program: &str) -> Command {
    let cores: Vec<_> = cores.iter().map(usize::to_string).collect();
    let mut command = Command::new("taskset");
    command.args(["-c", &cores.join(","), "setpriv", "--pdeathsig", "TERM", program]);
    command
}

/// This program with another role.
pub(crate) fn role(core: usize, role: &str) -> Result<Command, BoxError> {
    role_on(&[core], role)
}

pub(crate) fn role_on(cores: &[usize], role: &str) -> Result<Command, BoxError> {
    let this = std::env::current_exe()?;
    let mut command = pinned(cores, this.to_str().ok_or("the path of this program is no text")?);
    command.arg(role);
    Ok(command)
}

/// A port that was just free.
pub(crate) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Runs this process on one thread, as it has one core.
pub(crate) fn block_on(work: impl Future<Output = Result<(), BoxError>>) -> Result<(), BoxError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
