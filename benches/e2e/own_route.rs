//! The cost of the layer for an axum app's own routes.

use crate::BoxError;
use crate::compare::{sample, undisturbed};
use crate::ends::Ends;
use crate::loads::Load;
use crate::numbers::grouped;
use crate::options::Options;
use crate::stats::{Sample, Spread};
use crate::targets::Target;

/// Its name in `only=`.
pub(crate) const NAME: &str = "own-route";

const TARGETS: [Target; 3] = [Target::App, Target::AppInGateway, Target::AppWithLayer];

/// Rounds per round of the other loads, because the difference is small.
const TIMES: usize = 3;

/// The table; empty if it is not requested.
pub(crate) fn measure(options: &Options, repeats: &mut usize) -> Result<String, BoxError> {
    if !options.takes(NAME) {
        return Ok(String::new());
    }
    let load = Load::usual();
    let mut ends = Ends::start(options, load.upstream)?;
    let mut samples = TARGETS.map(|_| Vec::new());
    for round in 0..options.rounds * TIMES {
        // Start new processes for each round: their memory layout makes more of a difference than the
        // layer.
        let servers = TARGETS.map(|target| target.start(options, &load, ends.upstream_port()));
        let mut servers: Vec<_> = servers.into_iter().zip(TARGETS).zip(&mut samples).collect();
        let first = round % servers.len();
        servers.rotate_left(first);
        for ((server, target), samples) in servers {
            let server = server?;
            samples.push(undisturbed(repeats, || {
                sample(options, &load, target, &server, &mut ends, true)
            })?);
        }
    }
    Ok(table(&load, &samples))
}

fn table(load: &Load, samples: &[Vec<Sample>; TARGETS.len()]) -> String {
    let others = samples.iter().flatten().map(|sample| sample.others).fold(0.0, f64::max) * 100.0;
    let mut text = format!(
        "### A route of an axum app's own, without and with the layer: {}\n\n\
         The app has five routes ([`app.rs`](../benches/e2e/app.rs)). {} rounds, each with new \
         processes; other work had at most {others:.1} % of the cores in any window.\n\n\
         | | requests/s | × alone | CPU µs per request | × alone |\n|---|---:|---:|---:|---:|\n",
        load.title(),
        samples[0].len(),
    );
    for (target, its) in TARGETS.iter().zip(samples) {
        let ratio = |what: fn(&Sample) -> f64| {
            let Spread { median, min, max } = Spread::ratio(its, &samples[0], what);
            format!("{median:.3} ({min:.3}..{max:.3})")
        };
        text.push_str(&format!(
            "| {} | {} | {} | {:.2} | {} |\n",
            target.title(),
            grouped(Spread::over(its, |sample| sample.rate).median),
            ratio(|sample| sample.rate),
            Spread::over(its, |sample| sample.cpu).median * 1000.0,
            ratio(|sample| sample.cpu),
        ));
    }
    text.push('\n');
    text
}
