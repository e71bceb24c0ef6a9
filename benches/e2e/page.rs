//! The page with the figures.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::BoxError;
use crate::compare::{DISTURBED, Measured, Run};
use crate::loads::STREAMS;
use crate::machine;
use crate::options::Options;

/// The section of a run.
pub(crate) struct Markers {
    begin: &'static str,
    end: &'static str,
}

pub(crate) const COMPARE: Markers = Markers {
    begin: "<!-- begin of what benches/e2e/run.sh writes -->\n",
    end: "<!-- end of what benches/e2e/run.sh writes -->",
};
pub(crate) const SCALE: Markers = Markers {
    begin: "<!-- begin of what benches/e2e/run.sh scale writes -->\n",
    end: "<!-- end of what benches/e2e/run.sh scale writes -->",
};

/// A page before the run.
pub(crate) struct Page<'p> {
    path: &'p Path,
    /// The text up to the first marker, and from the last one.
    head: String,
    tail: String,
}

impl<'p> Page<'p> {
    /// Reads the page before measuring, so that no run ends without a place for its figures.
    pub(crate) fn open(path: &'p Path, Markers { begin, end }: &Markers) -> Result<Self, BoxError> {
        let failed = |why: &dyn Display| format!("{}: {why}", path.display());
        let old = fs::read_to_string(path).map_err(|error| failed(&error))?;
        let parts =
            old.split_once(begin).and_then(|(head, rest)| Some((head, rest.split_once(end)?.1)));
        let (head, tail) = parts.ok_or_else(|| failed(&"the page has no markers"))?;
        Ok(Self { path, head: [head, begin].concat(), tail: [end, tail].concat() })
    }

    /// Replaces the text between the markers.
    pub(crate) fn write(self, text: &str) -> Result<(), BoxError> {
        fs::write(self.path, [&self.head, "\n", text, &self.tail].concat())?;
        Ok(())
    }
}

/// The machine and the conditions of the run.
pub(crate) fn about(options: &Options, run: &Run) -> Result<String, BoxError> {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let [before, after] = run.others.map(percent);
    let disturbed: usize = run.measured.iter().map(Measured::disturbed).sum();
    let windows = run.measured.iter().map(|it| it.targets.len() * options.rounds).sum::<usize>();
    Ok(format!(
        "Measured on {}; {}. {} rounds, each with a window of {} ms, {} min in all. Other work had \
         {before} of the cores before the run and {after} after it, and more than {} during {disturbed} \
         of the {windows} windows; the host took {} in all. \
         h2c is HTTP/2 without TLS, with {STREAMS} requests at a time on each connection.\n\n",
        machine::shape()?,
        nginx_version(&options.nginx)?,
        options.rounds,
        options.window_ms,
        run.took.as_secs().div_ceil(60),
        percent(DISTURBED),
        percent(run.stolen),
    ))
}

/// `nginx/1.22.1`
fn nginx_version(program: &str) -> Result<String, BoxError> {
    let output = Command::new(program).arg("-v").output()?;
    let text = String::from_utf8(output.stderr)?;
    let version = text.trim().strip_prefix("nginx version: ").unwrap_or("nginx");
    Ok(version.to_owned())
}
