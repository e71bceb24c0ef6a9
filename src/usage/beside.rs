//! What a document says of its usage beside the usage object.

use super::captured::{Short, Text, Word};
use super::figure::Figure;
use super::reported::{Reported, decimal};

/// Kept for the documents that have any of it.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The digits of a figure that is being read.
    number: Short<30>,
    pub(super) figures: Reported,
    pub(super) size: Word,
    pub(super) quality: Word,
    pub(super) end_reason: Short<13>,
}

impl Beside {
    pub(super) fn clear(&mut self) {
        self.figures = Reported::default();
        self.size.clear();
        self.quality.clear();
        self.end_reason.clear();
    }

    pub(super) fn begin_number(&mut self) {
        self.number.set(b"");
    }

    pub(super) fn extend_number(&mut self, part: &[u8]) {
        self.number.extend(part);
    }

    /// The number is whole; `digits` stand behind its point.
    pub(super) fn end_number(&mut self, figure: Figure, digits: u8) {
        if let Some(number) = self.number.whole().and_then(|raw| decimal(raw, digits)) {
            self.figures.set(figure, number);
        }
    }

    /// The reason to have ended, where it is a failure (Cohere).
    pub(super) fn failure(&self) -> Option<&[u8]> {
        self.end_reason
            .whole()
            .filter(|reason| reason.starts_with(b"ERROR") || *reason == b"TIMEOUT")
    }
}
