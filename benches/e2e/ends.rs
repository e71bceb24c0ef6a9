//! Both ends of a server under test: the upstream and the load, in one process.
//!
//! `ends port=P` is the upstream at that port (with `alpn=` and `certificate=`, over TLS). For each
//! line of tab-separated fields on standard input, it runs a load and prints its result. Together on
//! one core, both ends keep that core awake. Otherwise a slower server would let the core sleep more
//! often, and seem even slower.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};

use tokio::sync::mpsc;
use tokio::task::yield_now;

use crate::BoxError;
use crate::fields::{self, Fields};
use crate::loads::Upstream;
use crate::options::Options;
use crate::process::{self, Server};
use crate::{load, tls, upstream};

/// The handle of the process in the leading process.
pub(crate) struct Ends {
    server: Server,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Ends {
    pub(crate) fn start(options: &Options, upstream: Upstream) -> Result<Self, BoxError> {
        let port = process::free_port()?;
        let mut command = process::role(options.load_core, "ends")?;
        if let Some(alpn) = upstream.alpn() {
            let certificate = options.certificate();
            tls::certify(&certificate)?;
            command
                .args([format!("alpn={alpn}"), format!("certificate={}", certificate.display())]);
        }
        command.arg(format!("port={port}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Server::spawn(&mut command, port)?;
        let (orders, answers) = server.pipes().ok_or("the ends have no pipes")?;
        Ok(Self { server, orders, answers: BufReader::new(answers) })
    }

    pub(crate) fn upstream_port(&self) -> u16 {
        self.server.port
    }

    /// Runs the load that `order` describes, and returns the line with its result.
    pub(crate) fn load(&mut self, order: &str) -> Result<String, BoxError> {
        writeln!(self.orders, "{order}")?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => Err("the load failed, as said above".into()),
            _ => Ok(answer),
        }
    }
}

/// The main function of the process.
pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    let fields = fields::of_args(args);
    let port = fields.number("port")?;
    let tls = match fields.text("alpn") {
        Ok(alpn) => Some(tls::acceptor(fields.text("certificate")?.as_ref(), alpn)?),
        Err(_) => None,
    };
    process::block_on(async {
        let (sender, mut orders) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                // The leading process may have ended.
                let _ = line.map(|line| sender.send(line));
            }
        });
        tokio::spawn(upstream::run(port, tls));
        while let Some(order) = orders.recv().await {
            let fields = Fields::of(order.split('\t'));
            let awake = (fields.text("awake")? == "1").then(|| tokio::spawn(stay_awake()));
            println!("{}", load::run(fields).await?);
            awake.inspect(|task| task.abort());
        }
        Ok(())
    })
}

async fn stay_awake() {
    loop {
        yield_now().await;
    }
}
