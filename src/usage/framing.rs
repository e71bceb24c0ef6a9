//! Splits streams other than server-sent events into JSON documents.
//!
//! Each framing accepts bytes split anywhere, keeps at most a few KiB of them, and passes on the data
//! of a document as it arrives.

mod base64;
mod crc;
mod elements;
mod frames;
mod lines;
pub(super) mod part;
mod wrapped;

use self::elements::Elements;
use self::frames::Frames;
#[cfg(any(test, fuzzing))]
pub(crate) use self::frames::frame;
use self::lines::JsonLines;
use self::part::Sink;
use super::format::Format;
use super::problem::Problem;

#[derive(Debug)]
pub(super) enum Framing {
    /// One JSON array with a document per element.
    Elements(Elements),
    /// A document per line.
    Lines(JsonLines),
    /// The binary frames of AWS.
    Frames(Frames),
}

impl Framing {
    /// `None` for formats without such a framing.
    pub(super) fn of(format: Format) -> Option<Self> {
        match format {
            Format::Json | Format::Sse => None,
            Format::JsonLines => Some(Self::Lines(JsonLines)),
            Format::AmazonEventStream => Some(Self::Frames(Frames::default())),
        }
    }

    /// The framing of a body that starts with an opening bracket.
    pub(super) fn array() -> Self {
        Self::Elements(Elements::default())
    }

    /// Reads the next bytes. After an error the framing must not be used again.
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Problem> {
        match self {
            Self::Elements(elements) => elements.push(bytes, sink),
            Self::Lines(lines) => lines.push(bytes, sink),
            Self::Frames(frames) => frames.push(bytes, sink),
        }
    }

    /// Returns true if there were documents: an array may have none.
    pub(super) fn is_stream(&self) -> bool {
        match self {
            Self::Elements(elements) => elements.has_documents(),
            Self::Lines(_) | Self::Frames(_) => true,
        }
    }

    /// Returns true if an array of documents is closed.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Elements(array) if array.is_closed() && array.has_documents())
    }

    /// Returns true if the bytes so far are incomplete.
    pub(super) fn is_cut(&self) -> bool {
        match self {
            Self::Elements(elements) => !elements.is_closed(),
            Self::Lines(_) => false,
            Self::Frames(frames) => frames.is_within(),
        }
    }

    /// Returns true if the last document may end with the body.
    pub(super) fn ends_with_body(&self) -> bool {
        matches!(self, Self::Lines(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::framing::part::Part;

    /// The parts of `bytes` in chunks of this length, the data of a document in one string.
    pub(super) fn parts(framing: &mut Framing, bytes: &[u8], chunk: usize) -> String {
        let mut out = String::new();
        for chunk in bytes.chunks(chunk) {
            let result = framing.push(chunk, &mut |part| {
                match part {
                    Part::Data(data) => out.push_str(&String::from_utf8_lossy(data)),
                    Part::Named(name) => out.push_str(&format!("<{}>", name.escape_ascii())),
                    Part::Failed(code) => out.push_str(&format!("!{}!", code.escape_ascii())),
                    Part::End => out.push('|'),
                }
                Ok(())
            });
            if let Err(problem) = result {
                return format!("{out}{problem:?}");
            }
        }
        out
    }
}
