//! Runs the comparison: for each load, all targets in turn, several times.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::BoxError;
use crate::ends::Ends;
use crate::fields::Fields;
use crate::loads::Load;
use crate::machine::Busy;
use crate::options::Options;
use crate::own_route;
use crate::page::{self, COMPARE, Page};
use crate::process::Server;
use crate::records::Records;
use crate::stats::{Sample, Spread};
use crate::targets::Target;
use crate::{plot, table};

/// If other processes use more than this share of the cores in a window, the window is measured again
/// after [`PAUSE`]; at most [`Options::repeats`] times in a run.
pub(crate) const DISTURBED: f64 = 0.04;
/// The pause before a window is measured again.
const PAUSE: Duration = Duration::from_millis(1500);

/// All samples of a load, by target.
pub(crate) struct Measured {
    pub(crate) load: Load,
    pub(crate) targets: Vec<(Target, Vec<Sample>)>,
    /// The records that targets with a log have written.
    pub(crate) records: Vec<(Target, Records)>,
}

impl Measured {
    /// The number of windows that were disturbed each time.
    pub(crate) fn disturbed(&self) -> usize {
        let samples = self.targets.iter().flat_map(|(_, samples)| samples);
        samples.filter(|sample| sample.others > DISTURBED).count()
    }

    /// The samples of a target, if it was measured.
    pub(crate) fn samples(&self, target: Target) -> Option<&[Sample]> {
        let found = self.targets.iter().find(|(it, _)| *it == target);
        found.map(|(_, samples)| &**samples)
    }

    pub(crate) fn bare(&self) -> &[Sample] {
        self.samples(Target::Bare).unwrap_or_default()
    }
}

/// The conditions of a run, for the page.
pub(crate) struct Run {
    pub(crate) measured: Vec<Measured>,
    pub(crate) took: Duration,
    /// The share of all cores that other processes used before and after.
    pub(crate) others: [f64; 2],
    /// The share of this machine that other virtual machines took during the run.
    pub(crate) stolen: f64,
}

pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    let options = Options::parse(args)?;
    let page = Page::open(&options.page, &COMPARE)?;
    let before = Busy::now()?.share_within(Duration::from_secs(2))?;
    let (started, busy) = (Instant::now(), Busy::now()?);
    let mut repeats = options.repeats;
    let measured = options.loads.iter().map(|load| measure(&options, *load, &mut repeats));
    let measured = measured.collect::<Result<_, _>>()?;
    let own_route = own_route::measure(&options, &mut repeats)?;
    let (took, stolen) = (started.elapsed(), busy.stolen_since()?);
    let after = Busy::now()?.share_within(Duration::from_secs(2))?;

    let run = Run { measured, took, others: [before, after], stolen };
    let text =
        [page::about(&options, &run)?, table::summary(&run), table::details(&run), own_route]
            .concat();
    page.write(&text)?;
    std::fs::write(&options.plot, plot::draw(&run))?;
    println!("{text}");
    Ok(())
}

fn measure(options: &Options, load: Load, repeats: &mut usize) -> Result<Measured, BoxError> {
    let mut ends = Ends::start(options, load.upstream)?;
    let upstream = ends.upstream_port();
    let servers = Target::of(&load, options)
        .into_iter()
        .map(|target| Ok((target, target.start(options, &load, upstream)?, Vec::new(), 0)))
        .collect::<Result<Vec<_>, BoxError>>();
    let mut servers = servers?;

    for round in 0..options.rounds {
        // Rotate the order, so that no target always follows the same one.
        let first = round % servers.len();
        servers.rotate_left(first);
        for (target, server, samples, answered) in &mut servers {
            let sample = undisturbed(repeats, || {
                let sample = sample(options, &load, *target, server, &mut ends, true)?;
                *answered += sample.answered;
                Ok(sample)
            });
            samples.push(sample.map_err(|error| format!("{load}, {}: {error}", target.title()))?);
        }
        servers.rotate_right(first);
    }
    for (target, _, samples, _) in &servers {
        let (rate, cpu) = (Spread::over(samples, |s| s.rate), Spread::over(samples, |s| s.cpu));
        let others = Spread::over(samples, |s| s.others).max * 100.0;
        let (target, rate, cpu) = (target.title(), rate.median, cpu.median);
        let load = load.to_string();
        eprintln!("{load:<24} {target:<28} {rate:>10.0}/s {cpu:>9.4} s/1000, others {others:.1} %");
    }
    let (mut targets, mut records) = (Vec::new(), Vec::new());
    for (target, server, samples, answered) in servers {
        // Dropping the server makes it write what it still has in memory.
        drop(server);
        let written = target.log().map(|log| log.take(&options.scratch)).transpose()?;
        records.extend(written.map(|written| (target, Records { answered, written })));
        targets.push((target, samples));
    }
    Ok(Measured { load, targets, records })
}

/// The first undisturbed sample, or the last one if there are no more repeats.
pub(crate) fn undisturbed(
    repeats: &mut usize,
    mut sample: impl FnMut() -> Result<Sample, BoxError>,
) -> Result<Sample, BoxError> {
    loop {
        let sample = sample()?;
        if sample.others <= DISTURBED || *repeats == 0 {
            return Ok(sample);
        }
        *repeats -= 1;
        sleep(PAUSE);
    }
}

pub(crate) fn sample(
    options: &Options,
    load: &Load,
    target: Target,
    server: &Server,
    ends: &mut Ends,
    awake: bool,
) -> Result<Sample, BoxError> {
    let line = ends.load(&format!(
        "name={load}\tport={}\tpath={}\theader={}\twatch={}\twarm_up_ms={}\twindow_ms={}\tawake={}",
        server.port,
        target.path(load),
        target.header(),
        server.pid(),
        options.warm_up_ms,
        options.window_ms,
        u8::from(awake),
    ))?;
    let fields = Fields::of(line.split_whitespace());
    let [units, seconds, cpu_seconds]: [f64; 3] =
        [fields.number("units")?, fields.number("seconds")?, fields.number("cpu_seconds")?];
    let complete: u64 = fields.number("requests")?;
    if complete == 0 {
        return Err("no request was complete within the window".into());
    }
    Ok(Sample {
        rate: units / seconds,
        p50_ns: fields.number("p50_ns")?,
        p99_ns: fields.number("p99_ns")?,
        cpu: cpu_seconds * 1000.0 / (units / load.exchange.units() as f64),
        busy: cpu_seconds / seconds,
        rss_kib: fields.number("rss_kib")?,
        answered: fields.number("answered")?,
        others: fields.number("others")?,
    })
}
