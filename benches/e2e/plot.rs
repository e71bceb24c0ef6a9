//! Draws the ratios as bars in SVG.

use std::fmt::Write as _;

use crate::compare::{Measured, Run};
use crate::stats::{Sample, Spread};
use crate::targets::Target;

const WIDTH: f64 = 900.0;
const PANEL: f64 = 390.0;
/// The left edges of both panels.
const LEFT: [f64; 2] = [30.0, 480.0];
const TOP: f64 = 96.0;
const BAR: f64 = 9.0;
const HEADING: f64 = 24.0;
/// The ratio at the right edge of a panel. Longer bars are cut there and labelled with their
/// number.
const MOST: f64 = 3.0;

pub(crate) fn draw(run: &Run) -> String {
    let height = TOP + run.measured.iter().map(group).sum::<f64>() + 20.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11" fill="#1f2937">
<rect width="{WIDTH}" height="{height}" fill="#fff"/>
"##
    );
    legend(&mut svg);
    let titles = [
        "CPU per request, bare proxy = 1 (less is better)",
        "requests or events per second, bare proxy = 1 (more is better)",
    ];
    let values: [fn(&Sample) -> f64; 2] = [|sample| sample.cpu, |sample| sample.rate];
    for ((left, title), value) in LEFT.into_iter().zip(titles).zip(values) {
        text(&mut svg, left, TOP - 20.0, title, "bold");
        for tick in 0..=MOST as u32 {
            let x = left + x(f64::from(tick));
            let color = if tick == 1 { "#6b7280" } else { "#e5e7eb" };
            let _ =
                writeln!(svg, r#"<path d="M{x} {TOP}V{:.0}" stroke="{color}"/>"#, height - 14.0);
            text(&mut svg, x - 3.0, height - 3.0, &tick.to_string(), "normal");
        }
        let mut top = TOP;
        for measured in &run.measured {
            bars(&mut svg, measured, value, left, top);
            top += group(measured);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The height of a load.
fn group(measured: &Measured) -> f64 {
    HEADING + BAR * measured.targets.len() as f64 + 8.0
}

fn legend(svg: &mut String) {
    for (index, target) in Target::ALL.into_iter().enumerate() {
        let (row, column) = (index / 4, index % 4);
        let (left, top) = (30.0 + 205.0 * column as f64, 14.0 + 18.0 * row as f64);
        let color = target.color();
        let _ =
            writeln!(svg, r#"<rect x="{left}" y="{top}" width="10" height="10" fill="{color}"/>"#);
        text(svg, left + 14.0, top + 9.0, target.title(), "normal");
    }
}

/// A load: for each target a bar from 0 to the median, and a line from the minimum to the maximum.
fn bars(svg: &mut String, measured: &Measured, what: fn(&Sample) -> f64, left: f64, top: f64) {
    text(svg, left, top + HEADING - 7.0, &measured.load.title(), "normal");
    for (index, (target, samples)) in measured.targets.iter().enumerate() {
        let Spread { median, min, max } = Spread::ratio(samples, measured.bare(), what);
        let y = top + HEADING + BAR * index as f64;
        let (color, end) = (target.color(), x(median));
        let _ = writeln!(
            svg,
            r##"<rect x="{left}" y="{y:.1}" width="{end:.1}" height="{:.1}" fill="{color}"/><path d="M{:.1} {middle:.1}H{:.1}" stroke="#1f2937" stroke-width=".7"/>"##,
            BAR - 1.5,
            left + x(min),
            left + x(max),
            middle = y + (BAR - 1.5) / 2.0,
        );
        let label = left + x(max.max(median)) + 3.0;
        let _ = writeln!(
            svg,
            r#"<text x="{label:.1}" y="{:.1}" font-size="8">{median:.2}</text>"#,
            y + BAR - 2.0
        );
    }
}

fn x(ratio: f64) -> f64 {
    ratio.clamp(0.0, MOST) / MOST * PANEL
}

fn text(svg: &mut String, x: f64, y: f64, text: &str, weight: &str) {
    let _ = writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}" font-weight="{weight}">{text}</text>"#);
}
