//! What a complete document, an event or a whole body, adds to the readings of a [`Meter`].

use super::{Meter, ProviderError};
use crate::json::string;
use crate::usage::beside::Beside;
use crate::usage::captured::{Captured, Word};
use crate::usage::event::Event;
use crate::usage::format::Format;
use crate::usage::needles;
use crate::usage::shape::Shape;
use crate::usage::terminal::Terminal;

impl Meter {
    /// Ends an event, or a document of another framing. All of the latter are read.
    pub(super) fn end_document(&mut self) {
        let has_content = || self.scanner.document().is_some_and(|event| event.has_content);
        let counts = self.format != Format::Sse && has_content();
        self.end_event();
        self.deltas.add(u64::from(counts));
    }

    pub(super) fn end_event(&mut self) {
        if std::mem::take(&mut self.is_error) {
            let code = self.scanner.document().and_then(|event| text(event.code.head()));
            self.error = Some(ProviderError { code });
        }
        self.read_document();
        self.scanner.reset();
    }

    pub(super) fn read_document(&mut self) {
        let is_body = self.scanner.is_body();
        let Some(event) = self.scanner.document_mut() else { return };
        event.complete(self.shape, self.format == Format::Sse);
        let is_billed = event.billed_usage().is_some();
        // Later model names count only beside usage: other events may be skipped.
        if (!self.has_content || is_billed) && !event.is_in_array {
            adopt(&mut self.model, &mut event.model);
            if event.service_tier.whole().is_none_or(|tier| tier != b"auto") {
                adopt(&mut self.service_tier, &mut event.service_tier);
            }
            if event.id.head().is_some() || event.status.whole().is_some() {
                adopt(&mut self.id, &mut event.id);
                self.is_background |= event.is_background;
                self.is_pending = event.is_pending();
            }
        }
        if is_billed {
            self.bill();
        }
        let Some(event) = self.scanner.document_mut() else { return };
        if let Some(words) = event.words().filter(|_| !self.has_content || is_billed) {
            adopt_look(&mut self.look, words);
        }
        let marker = match (is_body, self.format) {
            (true, _) => Some(Terminal::Closed),
            (false, Format::Sse) => self.needles.marker(event),
            // Without a search, every document is read.
            (false, _) => needles::marker(event).map(|(terminal, _)| terminal),
        };
        let marker = match self.shape {
            Shape::Converse => marker.or_else(|| ends_converse(&mut self.has_stopped, event)),
            _ => marker,
        };
        let is_empty = self.shape == Shape::GenerateContent && is_body && event.elements == 0;
        let has_failed = event.is("error")
            || event.is("conversation.response.error")
            || marker == Some(Terminal::Failed)
            || event.has_error
            || event.has_failed(is_body)
            || is_empty;
        if has_failed {
            self.error = Some(ProviderError { code: text(event.code.head()) });
        } else if self.counts_images {
            self.images = Some(event.elements);
        } else if self.shape == Shape::Images && marker == Some(Terminal::Completed) {
            self.images = Some(self.images.unwrap_or(0) + 1);
        }
        self.terminal = self.terminal.or(marker);
        self.has_content |= event.has_content && !is_body;
    }

    /// Adds the usage of the document.
    fn bill(&mut self) {
        let Some(event) = self.scanner.document_mut() else { return };
        if let Some(tier) = event.tier()
            && self.service_tier.as_deref() != Some(tier)
        {
            self.service_tier = Some(tier.into());
        }
        self.grounding.raise(event.grounding);
        event.add_to_bill(self.shape, &mut self.parts);
    }
}

fn adopt_look(look: &mut Option<Box<[Word; 2]>>, beside: &Beside) {
    for (at, word) in [&beside.size, &beside.quality].into_iter().enumerate() {
        if let Some(word) = word.whole() {
            look.get_or_insert_default()[at].set(word);
        }
    }
}

/// A stream of Converse ends with its metadata, which come after its stop.
fn ends_converse(has_stopped: &mut bool, event: &Event) -> Option<Terminal> {
    *has_stopped |= event.is("messageStop");
    (*has_stopped && event.is("metadata")).then_some(Terminal::MessageStop)
}

/// Replaces a name only if it changed, so that repeated names do not allocate. An empty one is none:
/// Azure's first event has such a model.
fn adopt<const LONGEST: usize>(name: &mut Option<Box<str>>, captured: &mut Captured<LONGEST>) {
    let Some(raw) = captured.whole().filter(|raw| !raw.is_empty()) else { return };
    if !name.as_deref().is_some_and(|name| string::reads(raw, name))
        && let Some(newer) = string::into_text(captured.take())
    {
        *name = Some(newer.into());
    }
}

/// The well-formed start of a string's inside.
fn text(raw: Option<&[u8]>) -> Option<Box<str>> {
    Some(string::Decoder::new(raw?).map(|(character, _)| character).collect::<String>().into())
}
