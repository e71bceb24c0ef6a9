//! The usage of a document, and the sum that all documents of a body are billed.

use super::Event;
use crate::usage::captured::{Short, Word};
use crate::usage::keys::Kept;
use crate::usage::place::Place;
use crate::usage::reported::{Notes, Reported};
use crate::usage::shape::Shape;
use crate::usage::tokens::UsagePart;

/// The tier, the region and the speed, in this order.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// In the usage object of this document.
    current: [Word; 3],
    /// In the last billed usage object that had them.
    billed: [Word; 3],
}

impl Words {
    fn keep(&mut self) {
        for (billed, current) in self.billed.iter_mut().zip(&self.current) {
            if current.whole().is_some() {
                *billed = *current;
            }
        }
    }
}

impl Event {
    /// The billed usage of the document: its own, or that of the one object that the event is
    /// about.
    pub(in crate::usage) fn billed_usage(&self) -> Option<&Reported> {
        let counts = match self.usage_place? {
            Place::Response => self.ends_response(),
            Place::Message => self.is("message_start"),
            _ => true,
        };
        (counts && !self.is_in_array && !self.usage.is_empty()).then_some(&self.usage)
    }

    /// The sum of the usage billed by all documents so far.
    pub(in crate::usage) fn bill(&self) -> Option<&Reported> {
        match &self.before {
            _ if self.is_billed => Some(&self.usage),
            Some(before) if self.has_before => Some(before),
            _ => None,
        }
    }

    /// Adds the usage of this document to the sum. Sets `parts` to the usage of each model, if
    /// there are several.
    pub(in crate::usage) fn add_to_bill(&mut self, shape: Shape, parts: &mut Vec<UsagePart>) {
        let is_part =
            self.is("message_start") || self.is("message_delta") || shape == Shape::Invoke;
        if let Some(before) = self.before.as_deref_mut().filter(|_| self.has_before) {
            if is_part {
                before.raise(&self.usage);
            } else {
                before.replace(&self.usage);
            }
            self.usage = *before;
        }
        (self.is_billed, self.has_before) = (true, false);
        if let Some(words) = &mut self.words {
            words.keep();
        }
        parts.clear();
        if let Some(shares) = self.shares.as_deref().filter(|shares| !shares.is_empty()) {
            shares.apply(&mut self.usage, shape, parts);
        }
    }

    /// Returns true if usage at this place counts. It then replaces earlier usage.
    pub(in crate::usage) fn begin_usage(&mut self, place: Place) -> bool {
        let counts = self.usage_place.is_none_or(|before| {
            let (before, rank) = (before.usage_rank(), place.usage_rank());
            // The first of several choices counts.
            before < rank || before == rank && place != Place::Choice
        });
        // Google's embeddings report tokens and characters in two objects.
        if counts && place != Place::EmbeddingsRoot {
            self.usage_place = None;
            self.clear_words();
        }
        counts
    }

    pub(super) fn clear_words(&mut self) {
        if let Some(words) = &mut self.words {
            words.current.iter_mut().for_each(Short::clear);
        }
    }

    /// The tier in the billed usage of this document.
    pub(in crate::usage) fn tier(&self) -> Option<&str> {
        str::from_utf8(self.words.as_deref()?.current[0].whole()?).ok()
    }

    /// The last region in billed usage.
    pub(in crate::usage) fn region(&self) -> Option<&str> {
        str::from_utf8(self.words.as_deref()?.billed[1].whole()?).ok()
    }

    /// The last speed in billed usage.
    pub(in crate::usage) fn speed(&self) -> Option<&str> {
        str::from_utf8(self.words.as_deref()?.billed[2].whole()?).ok()
    }

    /// Clears `usage` for this document, if that has none yet. Moves the sum to `before`.
    pub(super) fn make_room(&mut self) {
        if std::mem::take(&mut self.is_billed) {
            **self.before.get_or_insert_default() = self.usage;
            self.has_before = true;
        }
        if self.usage_place.is_none() && !self.usage.is_empty() {
            self.usage = Reported::default();
        }
    }

    /// Reads the usage object at the start of `json` and returns its length; `None` if it is
    /// malformed or incomplete.
    pub(in crate::usage) fn read_usage(&mut self, place: Place, json: &[u8]) -> Option<usize> {
        self.make_room();
        let (length, notes) = self.usage.parse(json)?;
        self.usage_place = Some(place);
        self.note(&notes);
        Some(length)
    }

    /// Like [`read_usage`](Self::read_usage), for complete objects beside the usage.
    pub(in crate::usage) fn read_shares(&mut self, kept: Kept, json: &[u8]) -> Option<usize> {
        let shares = self.shares.get_or_insert_default();
        match kept {
            Kept::Breakdown => shares.read_breakdown(json),
            _ => shares.read_tools(json),
        }
    }

    /// Adds usage from the response's headers.
    pub(in crate::usage) fn bill_head(&mut self, usage: Reported) {
        self.usage = usage;
        self.is_billed = true;
    }

    fn note(&mut self, notes: &Notes<'_>) {
        if let Some(shares) = &mut self.shares {
            shares.iterations.clear();
        }
        if let Some(iterations) = notes.iterations {
            self.shares.get_or_insert_default().read_iterations(iterations);
        }
        let words = [notes.tier, notes.region, notes.speed];
        if words.iter().any(Option::is_some) {
            let own = self.words.get_or_insert_default();
            for (own, word) in own.current.iter_mut().zip(words) {
                if let Some(word) = word {
                    own.set(word);
                }
            }
        }
    }
}
