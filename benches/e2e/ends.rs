//! What stands on both sides of a server under test: the upstream and the load, in one process.
//!
//! `ends port=P` is the upstream at that port, and a load for each line of fields between tabs that
//! comes over standard input, of which it prints what it saw. Together on one core they can keep it
//! awake: what a server takes to wake a core that sleeps depends on how busy it keeps that core, so
//! that the slower of two would seem slower still.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};

use tokio::sync::mpsc;
use tokio::task::yield_now;

use crate::BoxError;
use crate::fields::{self, Fields};
use crate::process::{self, Server};
use crate::{load, upstream};

/// The process, as the one that leads the run sees it.
pub(crate) struct Ends {
    server: Server,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Ends {
    pub(crate) fn start(core: usize) -> Result<Self, BoxError> {
        let port = process::free_port()?;
        let mut command = process::role(core, "ends")?;
        command.arg(format!("port={port}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Server::spawn(&mut command, port)?;
        let (orders, answers) = server.pipes().ok_or("the ends have no pipes")?;
        Ok(Self { server, orders, answers: BufReader::new(answers) })
    }

    pub(crate) fn upstream_port(&self) -> u16 {
        self.server.port
    }

    /// Runs the load that `order` describes, and returns the line that tells of it.
    pub(crate) fn load(&mut self, order: &str) -> Result<String, BoxError> {
        writeln!(self.orders, "{order}")?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => Err("the load failed, as said above".into()),
            _ => Ok(answer),
        }
    }
}

/// The process itself.
pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    let port = fields::of_args(args).number("port")?;
    process::block_on(async {
        let (sender, mut orders) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                // Nobody may be left to be told.
                let _ = line.map(|line| sender.send(line));
            }
        });
        tokio::spawn(upstream::run(port));
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
