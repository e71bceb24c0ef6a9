//! The usage fields of a document outside its usage object.

use super::captured::{Short, Text, Word};
use super::decimal::decimal;
use super::figure::Figure;
use super::reported::Reported;

/// Allocated only for documents that have such fields.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The digits of the figure that is being read.
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

    /// Ends the number, which is scaled by 10^`digits`.
    pub(super) fn end_number(&mut self, figure: Figure, digits: u8) {
        if let Some(number) = self.number.whole().and_then(|raw| decimal(raw, digits)) {
            self.figures.set(figure, number);
        }
    }

    /// The finish reason if it is a failure (Cohere).
    pub(super) fn failure(&self) -> Option<&[u8]> {
        self.end_reason
            .whole()
            .filter(|reason| reason.starts_with(b"ERROR") || *reason == b"TIMEOUT")
    }
}
