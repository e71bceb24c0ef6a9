//! A Redis process on a free port, with its data in a temporary folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::polling::{TOO_LONG, wait_for};

const LOG: &str = "server.log";

/// A server, killed when it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    options: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// In the options, `{port}` is the port.
    pub(crate) fn start(options: &[&str]) -> Self {
        // If another process takes the port first, the server exits at once.
        for _ in 0..20 {
            let options = options.iter().map(|option| (*option).to_owned()).collect();
            let folder = tempfile::tempdir().unwrap();
            let mut server = Self { port: free_port(), folder, options, child: None };
            if server.run() {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it on its port, and waits for it. Returns whether it answers.
    pub(crate) fn run(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        // The last of several options with the same name applies.
        command.args(["--port", &self.port.to_string(), "--dir"]).arg(self.folder.path());
        let port = self.port.to_string();
        command.args(self.options.iter().map(|option| option.replace("{port}", &port)));
        command.args(["--logfile", LOG]).stdout(Stdio::null()).stderr(Stdio::null());
        // Another server may have taken the port: only this one's log tells which of them answers.
        let known = self.log().len();
        let mut child =
            command.spawn().expect("redis-server is installed: apt-get install redis-server");
        let mut has_ended = false;
        wait_for("redis-server answers", || {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended || (self.log()[known..].contains("Ready to accept") && self.answers())
        });
        self.child = Some(child);
        !has_ended
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    fn answers(&self) -> bool {
        // A server that requires a password or TLS also counts as started.
        if self.options.iter().any(|option| option == "--tls-port") {
            return TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        }
        matches!(self.try_call(&["PING"]), Ok(Reply::Text(_) | Reply::Error(_)))
    }

    /// Like `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn try_call(&self, words: &[&str]) -> std::io::Result<Reply> {
        call(self.port, words)
    }

    #[track_caller]
    pub(crate) fn call(&self, words: &[&str]) -> Reply {
        match self.try_call(words) {
            Ok(Reply::Error(error)) => panic!("{words:?}: {error}"),
            Ok(reply) => reply,
            Err(error) => panic!("{words:?}: {error}"),
        }
    }

    /// The names of all keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.call(&["KEYS", "*"]).list().into_iter().map(Reply::text).collect()
    }

    /// A field of `INFO`.
    pub(crate) fn info(&self, section: &str, field: &str) -> String {
        let info = self.call(&["INFO", section]).text();
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("Redis at port {}:\n{}", self.port, self.log());
        }
    }
}

/// Sends a signal to a process by its id, such as `STOP`.
pub(crate) fn signal(process: &str, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), process]).status();
    assert!(status.unwrap().success());
}

/// Below the system's ephemeral ports, and with room for a cluster's second port.
fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(11_000..22_000);
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
}

/// A server's answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Nothing,
    Number(i64),
    Text(String),
    Error(String),
    List(Vec<Reply>),
}

impl Reply {
    #[track_caller]
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Number(number) => number,
            other => panic!("{other:?} is no number"),
        }
    }

    #[track_caller]
    pub(crate) fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }

    #[track_caller]
    pub(crate) fn list(self) -> Vec<Reply> {
        match self {
            Self::List(list) => list,
            other => panic!("{other:?} is no list"),
        }
    }
}

/// Runs a command on a new connection.
fn call(port: u16, words: &[&str]) -> std::io::Result<Reply> {
    Wire::connect(port)?.call(words)
}

/// A connection.
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(crate) fn connect(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(TOO_LONG))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn call<W: AsRef<str>>(&mut self, words: &[W]) -> std::io::Result<Reply> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            let word = word.as_ref();
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(command.as_bytes())?;
        self.read()
    }

    fn read(&mut self) -> std::io::Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        let (kind, rest) = line.split_at(1);
        Ok(match kind {
            "+" => Reply::Text(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Number(rest.parse().unwrap()),
            "$" if rest == "-1" => Reply::Nothing,
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            "*" => {
                let count = rest.parse::<i64>().unwrap().max(0);
                Reply::List((0..count).map(|_| self.read()).collect::<Result<_, _>>()?)
            }
            _ => panic!("no reply: {line:?}"),
        })
    }
}
