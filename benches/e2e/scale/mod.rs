//! Runs the measurements of many streams and several threads, separately from `compare`.

pub(crate) mod hold;
mod streams;
mod threads;

use std::time::Instant;

use crate::BoxError;
use crate::fields;
use crate::machine;
use crate::options::Options;
use crate::page::{Page, SCALE};
use crate::targets::Target;

/// The targets on tokio: nginx would need another configuration for so many connections.
const TARGETS: [Target; 4] = [Target::Bare, Target::Gateway, Target::Metered, Target::Controlled];
/// Measured only with the smaller number of streams, because each takes half a minute.
const LOGGED: [Target; 3] = [Target::JsonLines, Target::Sqlite, Target::Everything];

pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    let options = Options::parse(args)?;
    let page = Page::open(&options.page, &SCALE)?;
    let many = fields::of_args(args).number("streams")?;
    let started = Instant::now();
    let streams = [
        streams::measure(&options, 2_000, &[&TARGETS[..], &LOGGED].concat())?,
        streams::measure(&options, many, &TARGETS)?,
        streams::measure_http2(&options, fields::of_args(args).number("http2_streams")?)?,
    ]
    .concat();
    let threads = threads::measure(&options)?;
    let text = format!(
        "Measured on {}; {} min in all.\n\n{streams}{threads}",
        machine::shape()?,
        started.elapsed().as_secs().div_ceil(60),
    );
    page.write(&text)?;
    println!("{text}");
    Ok(())
}
