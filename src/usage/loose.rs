//! What a document tells of its usage outside of a usage object.

use super::captured::Short;
use super::event::Word;
use super::keys::Field;
use super::reported::{Figure, Reported, decimal};

/// Kept for the documents that have any of it.
#[derive(Debug, Default)]
pub(super) struct Loose {
    /// The digits of a figure that is being read.
    number: Short<30>,
    pub(super) figures: Reported,
    pub(super) size: Word,
    pub(super) quality: Word,
    end_reason: Short<13>,
}

impl Loose {
    pub(super) fn clear(&mut self) {
        self.figures = Reported::default();
        self.size.clear();
        self.quality.clear();
        self.end_reason.clear();
    }

    pub(super) fn begin(&mut self, field: Field, rank: u8) {
        match field {
            Field::Size => self.size.begin(rank),
            Field::Quality => self.quality.begin(rank),
            _ => self.end_reason.begin(rank),
        }
    }

    pub(super) fn extend(&mut self, field: Field, part: &[u8]) {
        match field {
            Field::Size => self.size.extend(part),
            Field::Quality => self.quality.extend(part),
            _ => self.end_reason.extend(part),
        }
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
