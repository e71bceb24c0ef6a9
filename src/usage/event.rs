//! The relevant parts of one JSON document: the data of an event, or a whole body.

mod bill;

use self::bill::Words;
use super::beside::Beside;
use super::captured::{Captured, Short, Text};
use super::figure::Figure;
use super::grounding::Grounding;
use super::keys::Field;
use super::parts::Shares;
use super::place::Place;
use super::reported::Reported;
use super::shape::Shape;

/// The maximum length of a captured model name; no provider has longer ones.
const LONGEST_MODEL: usize = 1024;
/// The maximum length of any other captured string.
pub(super) const LONGEST_WORD: usize = 128;

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
    pub(super) grounding: Grounding,
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
        self.grounding = Grounding::default();
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
        // A video is billed when it is finished. An answer that is billed by token reports its length
        // as well.
        let has_tokens =
            [Figure::Input, Figure::Output].iter().any(|own| self.usage.get(*own).is_some());
        let counts = match shape {
            Shape::Transcription if self.usage_place.is_some() && has_tokens => false,
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
}
