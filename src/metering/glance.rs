//! The beginning of a response, read to see whether it is an answer.

use http::{HeaderMap, StatusCode, header};

use super::Coding;
use crate::route::Operation;
use crate::usage::{Format, Meter};

/// What is decoded of a compressed response before it is looked at again: bombs grow no further.
const STEP: usize = 256;

/// What a beginning is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// An answer, or nothing that is known for an error.
    Answer,
    /// An error before any content, of the kind that this status has, where that is known.
    Error(Option<StatusCode>),
}

/// Reads a response up to its first content or error. A stream tells by its first event that is
/// either; JSON tells at its end.
#[derive(Debug)]
pub(crate) struct Glance {
    coding: Coding,
    meter: Meter,
    /// How much more is looked at, decoded.
    left: usize,
    sight: Option<Sight>,
}

impl Glance {
    /// How much of a response is looked at; an error is no longer.
    pub(crate) const LONGEST: usize = 4096;

    /// `None` where the response is nothing that is read, or is compressed in a way that is not.
    pub(crate) fn new(headers: &HeaderMap, operation: Operation) -> Option<Self> {
        let format = Format::of(headers.get(header::CONTENT_TYPE))?;
        let coding = Coding::of(headers)?;
        let meter = Meter::new(format, operation, Self::LONGEST);
        Some(Self { coding, meter, left: Self::LONGEST, sight: None })
    }

    /// Looks at more of the response; gives what it is, once that is known.
    pub(crate) fn push(&mut self, data: &[u8]) -> Option<Sight> {
        let Self { coding, meter, left, sight } = self;
        match coding {
            Coding::Plain => look(meter, left, sight, data),
            Coding::Over { .. } => {}
            Coding::Coded(decoder) => {
                for part in data.chunks(STEP) {
                    if decoder.push(part, |plain| look(meter, left, sight, plain)).is_err() {
                        sight.get_or_insert(Sight::Answer);
                    }
                    if sight.is_some() {
                        break;
                    }
                }
            }
        }
        *sight
    }

    /// The response has ended.
    pub(crate) fn finish(&mut self) -> Sight {
        self.meter.finish();
        self.sight.or_else(|| tell(&self.meter)).unwrap_or(Sight::Answer)
    }
}

/// Line by line: what comes first counts.
fn look(meter: &mut Meter, left: &mut usize, sight: &mut Option<Sight>, plain: &[u8]) {
    for line in plain.split_inclusive(|byte| *byte == b'\n') {
        if sight.is_some() {
            return;
        }
        let part = &line[..line.len().min(*left)];
        *left -= part.len();
        meter.push(part);
        *sight = tell(meter).or((part.len() < line.len()).then_some(Sight::Answer));
    }
}

fn tell(meter: &Meter) -> Option<Sight> {
    match meter.error() {
        Some(error) if error.is_refusal() => Some(Sight::Answer),
        Some(error) if !meter.has_content() => Some(Sight::Error(error.status())),
        _ => {
            let is_over = meter.terminal().is_some() || meter.problem().is_some();
            (is_over || meter.has_content()).then_some(Sight::Answer)
        }
    }
}
