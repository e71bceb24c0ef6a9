//! Writes the figures as Markdown.

use std::fmt::Write as _;

use crate::compare::{Measured, Run};
use crate::loads::Load;
use crate::numbers::{grouped, time};
use crate::stats::{Sample, Spread};
use crate::targets::Target;

/// The ratios of all loads, one line each.
pub(crate) fn summary(run: &Run) -> String {
    let mut text = String::new();
    let cpu = "CPU per request, as a multiple of the bare proxy's; less is better";
    let rate = "Requests or events per second, as a multiple of the bare proxy's; more is better";
    let ratio = |what: fn(&Sample) -> f64| {
        move |samples: &[Sample], bare: &[Sample]| {
            format!("{:.2}", Spread::ratio(samples, bare, what).median)
        }
    };
    compared(&mut text, run, cpu, |_| true, ratio(|sample| sample.cpu));
    compared(&mut text, run, rate, |_| true, ratio(|sample| sample.rate));
    let second = "beyond the bare proxy's, in percent of an answer that takes one second";
    let share = |seconds: fn(&Sample) -> f64| {
        move |samples: &[Sample], bare: &[Sample]| {
            let beyond = Spread::difference(samples, bare, seconds).median;
            format!("{:.4} %", beyond * 100.0)
        }
    };
    let cpu = format!("What a user pays: CPU per request {second}");
    compared(&mut text, run, &cpu, |_| true, share(|sample| sample.cpu / 1000.0));
    // With more senders, a request mostly waits in the queue.
    let few = |load: &Load| load.senders <= 4;
    let time = format!("What a user waits: median time {second}");
    compared(&mut text, run, &time, few, share(|sample| sample.p50_ns / 1e9));
    text
}

/// A table with a line per load and a column per target, except the bare proxy.
fn compared(
    text: &mut String,
    run: &Run,
    title: &str,
    takes: impl Fn(&Load) -> bool,
    figure: impl Fn(&[Sample], &[Sample]) -> String,
) {
    let shown: Vec<_> = run.measured.iter().filter(|measured| takes(&measured.load)).collect();
    let is_shown = |target: &Target| {
        *target != Target::Bare && shown.iter().any(|it| it.samples(*target).is_some())
    };
    let targets: Vec<_> = Target::ALL.into_iter().filter(is_shown).collect();
    if targets.is_empty() {
        return;
    }
    let _ = write!(text, "### {title}\n\n| load |");
    targets.iter().for_each(|target| text.extend([" ", target.title(), " |"]));
    let _ = write!(text, "\n|---|{}\n", "---:|".repeat(targets.len()));
    for measured in shown {
        let _ = write!(text, "| {} |", measured.load.title());
        for target in &targets {
            let samples = measured.samples(*target);
            let figure = samples.map_or("–".into(), |it| figure(it, measured.bare()));
            let _ = write!(text, " {figure} |");
        }
        text.push('\n');
    }
    text.push('\n');
}

/// A table per load.
pub(crate) fn details(run: &Run) -> String {
    let mut text = String::new();
    run.measured.iter().for_each(|measured| detail(&mut text, measured));
    text
}

fn detail(text: &mut String, measured: &Measured) {
    let is_stream = measured.load.exchange.events().is_some();
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
    for (target, records) in &measured.records {
        let (written, answered) =
            (grouped(records.written as f64), grouped(records.answered as f64));
        let _ = writeln!(text, "- {}: {written} records of {answered} answers", target.title());
    }
    if !measured.records.is_empty() {
        text.push('\n');
    }
}
