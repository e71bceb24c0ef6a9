//! Four gateways as separate processes that count in one Redis.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use crate::polling::TOO_LONG;
use crate::program::Program;

/// The number of concurrent clients.
pub(super) const CLIENTS: usize = 8;

pub(super) struct Processes {
    _folder: tempfile::TempDir,
    programs: Mutex<Vec<Option<Program>>>,
    addresses: Vec<SocketAddr>,
}

impl Processes {
    /// Starts them with these settings, in which `REDIS_URL_0` and so on are the nodes of Redis.
    pub(super) fn start(settings: &str, urls: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, settings).unwrap();
        let arguments = ["--mock", "--config", path.to_str().unwrap()];
        let start = |_| {
            Program::start_with(&arguments, |command| {
                let urls = urls.iter().enumerate();
                let urls = urls.map(|(number, url)| (format!("REDIS_URL_{number}"), url));
                command.env("RUST_LOG", "error").envs(urls);
            })
        };
        let programs: Vec<_> = (0..4).map(start).collect();
        let addresses = programs.iter().map(|program| program.addr).collect();
        let programs = Mutex::new(programs.into_iter().map(Some).collect());
        Self { _folder: folder, programs, addresses }
    }

    /// Like `kill -9`.
    pub(super) fn kill(&self, number: usize) {
        self.programs.lock().unwrap()[number].take().unwrap().signal("KILL");
    }

    /// A connection to each process.
    pub(super) fn connect(&self) -> Vec<Option<Connection>> {
        self.addresses.iter().map(|address| Connection::new(*address).ok()).collect()
    }
}

/// A connection that is kept alive.
pub(super) struct Connection(BufReader<TcpStream>);

impl Connection {
    fn new(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TOO_LONG))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a team's request for a model to a gateway. Returns the status.
    pub(super) fn ask(&mut self, gateway: &str, team: &str, model: &str) -> io::Result<u16> {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        let length = body.len();
        let request = format!(
            "POST /v1/acct/{gateway}/grok/v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\n\
             authorization: Bearer test-key\r\ncontent-type: application/json\r\n\
             cf-aig-metadata: {{\"team\":\"{team}\"}}\r\ncontent-length: {length}\r\n\r\n{body}"
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
