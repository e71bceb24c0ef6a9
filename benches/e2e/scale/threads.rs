//! The effect of a second worker thread, if the server and the load share both cores.

use super::TARGETS;
use crate::BoxError;
use crate::compare;
use crate::ends::Ends;
use crate::loads::Load;
use crate::numbers::grouped;
use crate::options::Options;
use crate::stats::Spread;

const ROUNDS: usize = 5;

pub(super) fn measure(options: &Options) -> Result<String, BoxError> {
    let load = Load::usual();
    let mut ends = Ends::start(options, load.upstream)?;
    let upstream = ends.upstream_port();
    let mut text = format!(
        "### 1 and 2 worker threads\n\n{load}: requests per second, median of {ROUNDS} rounds. With two, the \
         second thread shares its core with the load and the upstream, so twice as many cannot be had here.\n\n\
         | | 1 thread | 2 threads | ratio | CPU, ratio |\n|---|---:|---:|---:|---:|\n"
    );
    for target in TARGETS {
        let one = target.start(options, &load, upstream)?;
        let two =
            target.start_on(&[options.server_core, options.load_core], options, &load, upstream)?;
        let mut samples = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (server, samples) in [&one, &two].into_iter().zip(&mut samples) {
                samples.push(compare::sample(options, &load, target, server, &mut ends, false)?);
            }
        }
        let rate = |samples: &[_]| Spread::over(samples, |sample| sample.rate);
        let [one, two] = &samples;
        text.push_str(&format!(
            "| {} | {} | {} | {:.2} | {:.2} |\n",
            target.title(),
            grouped(rate(one).median),
            grouped(rate(two).median),
            Spread::ratio(two, one, |sample| sample.rate).median,
            Spread::ratio(two, one, |sample| sample.cpu).median,
        ));
    }
    text.push('\n');
    Ok(text)
}
