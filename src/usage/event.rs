//! The relevant parts of one JSON document: the data of an event, or a whole body.

use super::beside::Beside;
use super::captured::{Captured, Short, Text, Word};
use super::keys::{Field, Kept, Place};
use super::parts::Shares;
use super::reported::{Notes, Reported};
use super::shape::Shape;
use super::tokens::UsagePart;

/// The maximum length of a captured model name; no provider has longer ones.
const LONGEST_MODEL: usize = 1024;
/// The maximum length of any other captured string.
pub(super) const LONGEST_WORD: usize = 128;

/// The tier, the region and the speed, in this order.
#[derive(Debug, Default)]
struct Words {
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

#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) kind: Short<37>,
    pub(super) model: Captured<LONGEST_MODEL>,
    pub(super) service_tier: Captured<LONGEST_WORD>,
    pub(super) code: Captured<LONGEST_WORD>,
    pub(super) id: Captured<LONGEST_WORD>,
    pub(super) status: Short<29>,
    finish_reason: Short<5>,
    /// The words in usage objects, if there were any.
    words: Option<Box<Words>>,
    usage: Reported,
    /// The place of the usage, if there is any.
    usage_place: Option<Place>,
    /// `usage` is the sum billed so far and not that of this document.
    is_billed: bool,
    /// The sum billed before this document, if it is not in `usage`. Most streams have usage in one
    /// document only, and do not allocate this.
    before: Option<Box<Reported>>,
    has_before: bool,
    /// Usage that is billed in addition to the usage object or in its place.
    shares: Option<Box<Shares>>,
    /// Usage fields outside the usage object.
    beside: Option<Box<Beside>>,
    pub(super) reached_usage: bool,
    pub(super) has_content: bool,
    pub(super) has_response: bool,
    /// The document has a non-null `error` at the root or in a choice, or a word that means an
    /// error.
    pub(super) has_error: bool,
    /// A candidate has a finish reason.
    pub(super) has_finished: bool,
    pub(super) is_background: bool,
    /// The document says that it is the last of a stream.
    pub(super) is_last: bool,
    /// The object is the first element of an array, where only errors matter.
    pub(super) is_in_array: bool,
    /// The number of elements of `data` or `candidates`.
    pub(super) elements: u64,
    /// The document is the `[DONE]` that ends some streams.
    pub(super) is_done_marker: bool,
}

impl Event {
    pub(super) fn clear(&mut self) {
        self.kind.clear();
        self.model.clear();
        self.service_tier.clear();
        self.code.clear();
        self.id.clear();
        self.status.clear();
        self.finish_reason.clear();
        self.clear_words();
        self.usage_place = None;
        if let Some(shares) = &mut self.shares {
            shares.clear();
        }
        if let Some(beside) = &mut self.beside {
            beside.clear();
        }
        self.reached_usage = false;
        self.has_content = false;
        self.has_response = false;
        self.has_error = false;
        self.has_finished = false;
        self.is_background = false;
        self.is_last = false;
        self.is_in_array = false;
        self.elements = 0;
        self.is_done_marker = false;
    }

    fn text(&mut self, field: Field) -> &mut dyn Text {
        match field {
            Field::Kind => &mut self.kind,
            Field::Status => &mut self.status,
            Field::FinishReason => &mut self.finish_reason,
            Field::Model => &mut self.model,
            Field::ServiceTier => &mut self.service_tier,
            Field::Id => &mut self.id,
            Field::Code | Field::ErrorWord | Field::BlockReason => &mut self.code,
            Field::EndReason => &mut self.beside().end_reason,
            Field::Size => &mut self.beside().size,
            Field::Quality => &mut self.beside().quality,
        }
    }

    pub(super) fn begin_text(&mut self, field: Field, rank: u8) {
        // Keep a failure: one failed choice is enough.
        let is_kept = field == Field::FinishReason && self.finish_reason.is("error");
        self.text(field).begin(if is_kept { 0 } else { rank });
        self.has_error |= matches!(field, Field::ErrorWord | Field::BlockReason);
        self.has_finished |= field == Field::BlockReason;
    }

    pub(super) fn extend_text(&mut self, field: Field, part: &[u8]) {
        self.text(field).extend(part);
    }

    /// Sets the type from the framing, if the data has none.
    pub(super) fn name(&mut self, kind: &[u8]) {
        self.kind.begin(u8::MAX);
        self.kind.extend(kind);
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.is(kind)
    }

    /// Returns true if the event is about a response that will not change any more.
    fn ends_response(&self) -> bool {
        matches!(
            self.kind.whole(),
            Some(
                b"response.completed"
                    | b"response.incomplete"
                    | b"response.failed"
                    | b"response.done"
                    | b"interaction.completed"
                    | b"interaction.complete"
            )
        )
    }

    /// Returns true if the response says that it has failed. `is_body`: the document is the
    /// response itself.
    pub(super) fn has_failed(&self, is_body: bool) -> bool {
        let is_final = is_body || self.ends_response();
        self.finish_reason.is("error")
            || is_final && (self.status.is("failed") || self.status.is("FAILED"))
    }

    /// Returns true if the response is still being generated.
    pub(super) fn is_pending(&self) -> bool {
        let status = self.status.whole();
        status.is_some_and(|status| {
            [&b"queued"[..], b"in_progress", b"created", b"processing"]
                .iter()
                .any(|pending| status.eq_ignore_ascii_case(pending))
        })
    }

    /// The billed usage of the document: its own, or that of the one object that the event is
    /// about.
    pub(super) fn billed_usage(&self) -> Option<&Reported> {
        let counts = match self.usage_place? {
            Place::Response => self.ends_response(),
            Place::Message => self.is("message_start"),
            _ => true,
        };
        (counts && !self.is_in_array && !self.usage.is_empty()).then_some(&self.usage)
    }

    /// The sum of the usage billed by all documents so far.
    pub(super) fn bill(&self) -> Option<&Reported> {
        match &self.before {
            _ if self.is_billed => Some(&self.usage),
            Some(before) if self.has_before => Some(before),
            _ => None,
        }
    }

    /// Adds the usage of this document to the sum. Sets `parts` to the usage of each model, if
    /// there are several.
    pub(super) fn add_to_bill(&mut self, shape: Shape, parts: &mut Vec<UsagePart>) {
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
    pub(super) fn begin_usage(&mut self, place: Place) -> bool {
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

    fn clear_words(&mut self) {
        if let Some(words) = &mut self.words {
            words.current.iter_mut().for_each(Short::clear);
        }
    }

    /// The tier in the billed usage of this document.
    pub(super) fn tier(&self) -> Option<&str> {
        str::from_utf8(self.words.as_deref()?.current[0].whole()?).ok()
    }

    /// The last region in billed usage.
    pub(super) fn region(&self) -> Option<&str> {
        str::from_utf8(self.words.as_deref()?.billed[1].whole()?).ok()
    }

    /// The last speed in billed usage.
    pub(super) fn speed(&self) -> Option<&str> {
        str::from_utf8(self.words.as_deref()?.billed[2].whole()?).ok()
    }

    /// Clears `usage` for this document, if that has none yet. Moves the sum to `before`.
    fn make_room(&mut self) {
        if std::mem::take(&mut self.is_billed) {
            **self.before.get_or_insert_default() = self.usage;
            self.has_before = true;
        }
        if self.usage_place.is_none() {
            self.usage = Reported::default();
        }
    }

    /// Reads the usage object at the start of `json` and returns its length; `None` if it is
    /// malformed or incomplete.
    pub(super) fn read_usage(&mut self, place: Place, json: &[u8]) -> Option<usize> {
        self.make_room();
        let (length, notes) = self.usage.parse(json)?;
        self.usage_place = Some(place);
        self.note(&notes);
        Some(length)
    }

    /// Like [`read_usage`](Self::read_usage), for complete objects beside the usage.
    pub(super) fn read_shares(&mut self, kept: Kept, json: &[u8]) -> Option<usize> {
        let shares = self.shares.get_or_insert_default();
        match kept {
            Kept::Breakdown => shares.read_breakdown(json),
            _ => shares.read_tools(json),
        }
    }

    #[cold]
    pub(super) fn beside(&mut self) -> &mut Beside {
        self.beside.get_or_insert_default()
    }

    pub(super) fn words(&self) -> Option<&Beside> {
        self.beside.as_deref()
    }

    /// Ends the document: completes the usage object with fields from outside it. `is_searched`:
    /// only documents with certain words are read.
    pub(super) fn complete(&mut self, shape: Shape, is_searched: bool) {
        let Some(beside) = &mut self.beside else { return };
        let is_end = !is_searched || self.kind.is("message-end") || self.kind.is("stream-end");
        if let Some(reason) = beside.failure().filter(|_| is_end) {
            self.has_error = true;
            self.code.begin(u8::MAX);
            self.code.extend(reason);
        }
        // A video is billed when it is finished.
        let counts = match shape {
            _ if is_searched => self.usage_place.is_some(),
            Shape::Videos => self.status.is("completed"),
            _ => true,
        };
        if counts && !beside.figures.is_empty() {
            let figures = beside.figures;
            self.make_room();
            self.usage_place.get_or_insert(Place::Root);
            self.usage.supply(&figures);
        }
    }

    /// Adds usage from the response's headers.
    pub(super) fn bill_head(&mut self, usage: Reported) {
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
