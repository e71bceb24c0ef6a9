//! Many open streams with an event per second: their memory, and the cost of an event.

use std::process::Stdio;

use crate::BoxError;
use crate::fields::Fields;
use crate::loads::{Exchange, Load};
use crate::numbers::grouped;
use crate::options::Options;
use crate::process::{self, Server};
use crate::stats::Spread;
use crate::targets::Target;

const ROUNDS: usize = 3;
/// The streams that are opened and closed first, so that one-time memory is not counted.
const WARM_UP: usize = 100;

/// The result of a round for a target.
#[derive(Clone, Copy)]
struct Held {
    kib_per_stream: f64,
    /// CPU time in microseconds.
    cpu_per_event: f64,
    /// The share of one core.
    cpu: f64,
    others: f64,
}

/// Measures the targets and compares them with the first one.
pub(super) fn measure(
    options: &Options,
    streams: usize,
    targets: &[Target],
) -> Result<String, BoxError> {
    let mut rounds: Vec<_> = targets.iter().map(|target| (*target, Vec::new())).collect();
    for _ in 0..ROUNDS {
        for (target, held) in &mut rounds {
            held.push(hold(options, *target, streams)?);
        }
    }
    Ok(table(streams, &rounds))
}

/// Measures more streams than descriptors would allow if each needed two connections.
pub(super) fn measure_http2(options: &Options, streams: usize) -> Result<String, BoxError> {
    let held = hold(options, Target::Around, streams)?;
    Ok(format!(
        "### {} open streams, over HTTP/2 to the upstream\n\n\
         The layer around `HttpClient`, as both are by default ([`around.rs`](../benches/e2e/around.rs)), on \
         the four connections that an origin gets: {:.1} KiB for each stream, and {:.1} µs of CPU for each \
         event; other work had {:.1} % of the cores.\n\n",
        grouped(streams as f64),
        held.kib_per_stream,
        held.cpu_per_event,
        held.others * 100.0,
    ))
}

/// Processes are restarted for each round, so that memory of the previous one does not count.
fn hold(options: &Options, target: Target, streams: usize) -> Result<Held, BoxError> {
    let port = process::free_port()?;
    let mut command = process::role(options.load_core, "upstream")?;
    command.arg(format!("port={port}"));
    let upstream = Server::start(command, port)?;
    let server = target.start(
        options,
        &Load { exchange: Exchange::Events(1), ..Load::usual() },
        upstream.port,
    )?;
    let mut told = String::new();
    for (streams, window_ms) in [(WARM_UP, 1), (streams, 5_000)] {
        let output = process::role(options.load_core, "hold")?
            .arg(format!("port={}", server.port))
            .arg(format!("path={}?every_ms=1000", target.path(&Load::usual())))
            .arg(format!("header={}", target.header()))
            .arg(format!("watch={}", server.pid()))
            .arg(format!("upstream={}", upstream.pid()))
            .arg(format!("streams={streams}"))
            .arg(format!("window_ms={window_ms}"))
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("{streams} streams through {} failed", target.title()).into());
        }
        told = String::from_utf8(output.stdout)?;
    }
    drop(server);
    if let Some(log) = target.log() {
        let (records, opened) = (log.take(&options.scratch)?, (WARM_UP + streams) as u64);
        if records != opened {
            return Err(format!("{}: {records} records of {opened} streams", target.title()).into());
        }
    }
    let fields = Fields::of(told.split_whitespace());
    let number = |name| fields.number::<f64>(name);
    let (events, cpu) = (number("events")?, number("cpu_seconds")?);
    Ok(Held {
        kib_per_stream: (number("rss_kib")? - number("rss_before_kib")?) / streams as f64,
        cpu_per_event: cpu * 1e6 / events,
        cpu: cpu / number("seconds")?,
        others: number("others")?,
    })
}

fn table(streams: usize, rounds: &[(Target, Vec<Held>)]) -> String {
    let all = rounds.iter().flat_map(|(_, held)| held);
    let others = all.map(|held| held.others).fold(0.0, f64::max) * 100.0;
    let mut text = format!(
        "### {} open streams, an event each second on each\n\n\
         {ROUNDS} rounds; other work had at most {others:.1} % of the cores in any window.\n\n\
         | | RSS per stream | above bare | CPU per event | × bare | of its core |\n\
         |---|---:|---:|---:|---:|---:|\n",
        grouped(streams as f64),
    );
    let over = |held: &[Held], what: fn(&Held) -> f64| Spread::of(held.iter().map(what));
    let bare = &rounds[0].1;
    for (target, held) in rounds {
        let memory = over(held, |held| held.kib_per_stream);
        let above =
            Spread::of(held.iter().zip(bare).map(|(a, b)| a.kib_per_stream - b.kib_per_stream));
        let event = over(held, |held| held.cpu_per_event);
        let ratio =
            Spread::of(held.iter().zip(bare).map(|(a, b)| a.cpu_per_event / b.cpu_per_event));
        text.push_str(&format!(
            "| {} | {:.1} KiB ({:.1}..{:.1}) | {:+.1} KiB | {:.1} µs ({:.1}..{:.1}) | {:.2} | {:.0} % |\n",
            target.title(),
            memory.median,
            memory.min,
            memory.max,
            above.median,
            event.median,
            event.min,
            event.max,
            ratio.median,
            over(held, |held| held.cpu).median * 100.0,
        ));
    }
    text.push('\n');
    text
}
