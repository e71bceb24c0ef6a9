//! The figures as Markdown.

use std::fmt::Write as _;

use crate::compare::{Measured, Run};
use crate::loads::Exchange;
use crate::numbers::{grouped, time};
use crate::stats::{Sample, Spread};
use crate::targets::Target;

/// The ratios of all loads, a line each.
pub(crate) fn summary(run: &Run) -> String {
    let mut text = String::new();
    let cpu = "CPU per request, as a multiple of the bare proxy's; less is better";
    let rate = "Requests or events per second, as a multiple of the bare proxy's; more is better";
    ratios(&mut text, run, cpu, |sample| sample.cpu);
    ratios(&mut text, run, rate, |sample| sample.rate);
    text
}

fn ratios(text: &mut String, run: &Run, title: &str, what: impl Fn(&Sample) -> f64) {
    let compared: Vec<_> = Target::ALL.into_iter().filter(|it| *it != Target::Bare).collect();
    let _ = write!(text, "### {title}\n\n| load |");
    compared.iter().for_each(|target| text.extend([" ", target.title(), " |"]));
    let _ = write!(text, "\n|---|{}\n", "---:|".repeat(compared.len()));
    for measured in &run.measured {
        let _ = write!(text, "| {} |", measured.load.title());
        for (_, samples) in measured.targets.iter().filter(|(it, _)| *it != Target::Bare) {
            let ratio = Spread::ratio(samples, measured.bare(), &what).median;
            let _ = write!(text, " {ratio:.2} |");
        }
        text.push('\n');
    }
    text.push('\n');
}

/// A table for each load.
pub(crate) fn details(run: &Run) -> String {
    let mut text = String::new();
    run.measured.iter().for_each(|measured| detail(&mut text, measured));
    text
}

fn detail(text: &mut String, measured: &Measured) {
    let is_stream = matches!(measured.load.exchange, Exchange::Events(_));
    let (unit, whole) = if is_stream { ("events", " of a stream") } else { ("requests", "") };
    let _ = write!(
        text,
        "### {}\n\n| | {unit}/s | × bare | p50{whole} | p99{whole} | CPU s per 1,000 requests \
         | × bare | of its core | RSS |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        measured.load.title()
    );
    for (target, samples) in &measured.targets {
        let spread = |what: fn(&Sample) -> f64| Spread::over(samples, what);
        let ratio = |what: fn(&Sample) -> f64| Spread::ratio(samples, measured.bare(), what).median;
        let (rate, cpu) = (spread(|s| s.rate), spread(|s| s.cpu));
        let _ = writeln!(
            text,
            "| {} | {} ({}..{}) | {:.2} | {} | {} | {:.4} ({:.4}..{:.4}) | {:.2} | {:.0} % | {:.1} MiB |",
            target.title(),
            grouped(rate.median),
            grouped(rate.min),
            grouped(rate.max),
            ratio(|s| s.rate),
            time(spread(|s| s.p50_ns).median),
            time(spread(|s| s.p99_ns).median),
            cpu.median,
            cpu.min,
            cpu.max,
            ratio(|s| s.cpu),
            spread(|s| s.busy).median * 100.0,
            spread(|s| s.rss_kib).median / 1024.0,
        );
    }
    text.push('\n');
}
