//! [`Meter`]: reads usage from the frames of a response body as they pass.

use std::borrow::Cow;

use http::HeaderMap;

use super::beside::Beside;
use super::captured::{Captured, Word};
use super::count::Counter;
use super::event::{Event, LONGEST_WORD};
use super::format::Format;
use super::framing::Framing;
use super::framing::part::Part;
use super::head;
use super::keys::Place;
use super::needles::{self, Needles};
use super::problem::Problem;
use super::repeats::RepeatedEvents;
use super::scan::Scanner;
use super::shape::Shape;
use super::sse::{Lines, Piece};
use super::terminal::Terminal;
use super::tokens::{Usage, UsagePart};
use crate::json::{is_space, string};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An error that the provider reports in the response body, whatever the status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderError {
    /// The provider's own code, at most 128 bytes of it. Its spelling changes between releases.
    pub code: Option<Box<str>>,
}

/// When a response with an id is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    /// It is complete and stored.
    Stored,
    /// It is generated in the background, and may be complete or not.
    Background,
    /// It is not complete yet.
    Pending,
}

/// Reads one response body.
#[derive(Debug)]
pub struct Meter {
    format: Format,
    shape: Shape,
    counts_images: bool,
    needles: &'static Needles,
    /// The number of bytes of a byte order mark so far.
    bom: usize,
    lines: Lines,
    /// Boxed: most responses have none.
    framing: Option<Box<Framing>>,
    scanner: Scanner,
    /// The event is named `error`.
    is_error: bool,
    deltas: Counter,
    repeats: RepeatedEvents,
    has_content: bool,
    parts: Vec<UsagePart>,
    images: Option<u64>,
    /// The size and quality of images. Boxed: most responses have none.
    look: Option<Box<[Word; 2]>>,
    /// `messageStop` has come (Converse).
    has_stopped: bool,
    model: Option<Box<str>>,
    service_tier: Option<Box<str>>,
    id: Option<Box<str>>,
    is_background: bool,
    is_pending: bool,
    terminal: Option<Terminal>,
    error: Option<ProviderError>,
    problem: Option<Problem>,
}

impl Meter {
    /// The default maximum length of a usage object, in bytes.
    pub const LIMIT: usize = 64 * 1024;

    /// Creates a meter for usage objects of up to `limit` bytes.
    #[inline]
    pub fn new(format: Format, shape: impl Into<Shape>, limit: usize) -> Self {
        let shape = shape.into();
        let is_body = format == Format::Json;
        Self {
            format,
            shape,
            counts_images: is_body && shape == Shape::Images,
            needles: Needles::of(shape),
            bom: 0,
            lines: Lines::new(),
            framing: Framing::of(format).map(Box::new),
            scanner: Scanner::new(limit, is_body, Place::root_of(shape)),
            is_error: false,
            deltas: Counter::of(shape),
            repeats: RepeatedEvents::default(),
            has_content: false,
            parts: Vec::new(),
            images: None,
            look: None,
            has_stopped: false,
            model: None,
            service_tier: None,
            id: None,
            is_background: false,
            is_pending: false,
            terminal: None,
            error: None,
            problem: None,
        }
    }

    /// Reads the head of the response.
    pub(crate) fn see_head(&mut self, headers: &HeaderMap) {
        if self.shape == Shape::Invoke
            && let Some(usage) = head::usage(headers)
        {
            self.scanner.bill_head(usage);
        }
    }

    /// The format of the body.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The known state of the response: its id, whether it is pending, and whether it runs in the
    /// background.
    #[cfg(test)]
    pub(super) fn state(&self) -> (Option<&str>, bool, bool) {
        (self.id.as_deref(), self.is_background, self.is_pending)
    }

    /// The shape of the body.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The tokens and costs seen so far.
    pub fn usage(&self) -> Option<Usage> {
        let Some(reported) = self.scanner.event().bill() else {
            self.images?;
            return Some(Usage { images: self.images, ..Usage::default() });
        };
        let mut usage = Usage::new(reported, self.shape);
        if !self.parts.is_empty() {
            usage = Usage::sum(&self.parts, &usage);
        }
        usage.images = self.images;
        Some(usage)
    }

    /// The model that the response names.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Like [`model`](Self::model), without waiting for the end of a JSON body.
    pub(crate) fn model_so_far(&self) -> Option<Cow<'_, str>> {
        match &self.model {
            Some(model) => Some(Cow::Borrowed(model)),
            None => string::decode(self.scanner.model_so_far()?).map(Cow::Owned),
        }
    }

    /// The service tier that the response names.
    pub fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }

    /// The usage of each model if there were several. They add up to the usage.
    pub fn parts(&self) -> &[UsagePart] {
        &self.parts
    }

    /// The region that the response names.
    pub fn region(&self) -> Option<&str> {
        self.scanner.event().region()
    }

    /// The speed that the response names.
    pub fn speed(&self) -> Option<&str> {
        self.scanner.event().speed()
    }

    /// The id of a response that can be fetched later, and whether to expect that.
    pub(crate) fn later(&self) -> Option<(&str, Later)> {
        let is_stored = matches!(self.shape, Shape::Responses | Shape::Interactions);
        let id = self.id.as_deref().filter(|_| is_stored)?;
        let later = match self.format {
            _ if self.is_background => Later::Background,
            // A stream that is not in the background is complete at its end.
            Format::Json if self.is_pending => Later::Pending,
            _ => Later::Stored,
        };
        Some((id, later))
    }

    /// Returns true if a document says that it is not complete yet.
    #[cfg(feature = "cache")]
    pub(crate) fn is_unfinished(&self) -> bool {
        self.is_pending && self.format == Format::Json
    }

    /// Returns true if a fetched response was not complete when its request was answered.
    pub(crate) fn is_made_later(&self) -> bool {
        !self.is_pending && (self.is_background || self.shape == Shape::AsyncPerplexity)
    }

    /// The size of the images or the video, as in the response.
    pub fn image_size(&self) -> Option<&str> {
        str::from_utf8(self.look.as_ref()?[0].whole()?).ok()
    }

    /// The quality of the images, as in the response.
    pub fn image_quality(&self) -> Option<&str> {
        str::from_utf8(self.look.as_ref()?[1].whole()?).ok()
    }

    /// The first terminal marker.
    pub fn terminal(&self) -> Option<Terminal> {
        self.terminal
    }

    /// Returns true if an event with non-empty content has passed. Always false for a JSON body.
    pub fn has_content(&self) -> bool {
        self.has_content
    }

    /// The number of events with a delta, from the first with content on.
    pub fn content_events(&self) -> u64 {
        self.deltas.count()
    }

    /// The last error of the provider.
    pub fn error(&self) -> Option<&ProviderError> {
        self.error.as_ref()
    }

    /// Why metering stopped early.
    pub fn problem(&self) -> Option<Problem> {
        self.problem
    }

    /// Returns true if the bytes so far are incomplete.
    pub fn is_cut(&self) -> bool {
        match &self.framing {
            Some(framing) => framing.is_cut(),
            None => self.format == Format::Json && self.scanner.is_within(),
        }
    }

    /// Returns true if the body consists of several documents. For a JSON array this is known from
    /// its first byte on.
    pub fn is_stream(&self) -> bool {
        match &self.framing {
            Some(framing) => framing.is_stream() || self.shape == Shape::GenerateContent,
            None => self.format == Format::Sse,
        }
    }

    /// Reads the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        let bytes = if self.bom < BOM.len() { self.behind_bom(bytes) } else { bytes };
        match self.format {
            Format::Sse => self.push_sse(bytes),
            Format::Json if self.framing.is_none() => self.push_json(bytes),
            _ => self.push_framed(bytes),
        }
    }

    fn behind_bom<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while self.bom < BOM.len() && !bytes.is_empty() {
            if bytes[0] != BOM[self.bom] {
                self.bom = BOM.len();
                break;
            }
            self.bom += 1;
            bytes = &bytes[1..];
        }
        bytes
    }

    /// The body cannot be read any further.
    pub fn stop(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }

    /// Ends the body, complete or not.
    pub fn finish(&mut self) {
        // The last event may lack its blank line if it is complete.
        let is_open = |framing: &Framing| framing.ends_with_body();
        let ends = self.format == Format::Sse || self.framing.as_deref().is_some_and(is_open);
        if self.problem.is_none() && ends {
            self.end_document();
        }
    }

    #[inline(never)]
    fn push_json(&mut self, bytes: &[u8]) {
        let first = || bytes.iter().find(|byte| !is_space(**byte));
        if self.scanner.is_at_start() && first() == Some(&b'[') {
            self.framing = Some(Box::new(Framing::array()));
            self.scanner.expect_events();
            self.counts_images = false;
            return self.push_framed(bytes);
        }
        if self.terminal.is_none() && self.problem.is_none() {
            self.problem = self.scanner.push(bytes).err();
            self.read_document();
        }
    }

    #[inline(never)]
    fn push_framed(&mut self, bytes: &[u8]) {
        let Some(mut framing) = self.framing.take_if(|_| self.problem.is_none()) else { return };
        self.problem = framing.push(bytes, &mut |part| self.part(part)).err();
        // If the shape has its own marker, the bracket does not count as one.
        if framing.is_closed() && self.shape != Shape::GenerateContent {
            self.terminal.get_or_insert(Terminal::Closed);
        }
        self.framing = Some(framing);
    }

    fn part(&mut self, part: Part<'_>) -> Result<(), Problem> {
        match part {
            Part::Data(data) => self.scanner.push(data)?,
            Part::Named(name) => {
                if let Some(event) = self.scanner.document_mut() {
                    event.name(name);
                }
            }
            Part::Failed(code) => self.error = Some(ProviderError { code: word(code) }),
            Part::End => {
                self.scanner.check_end()?;
                self.end_document();
            }
        }
        Ok(())
    }

    /// Ends an event, or a document of another framing. All of the latter are read.
    fn end_document(&mut self) {
        let has_content = || self.scanner.document().is_some_and(|event| event.has_content);
        let counts = self.format != Format::Sse && has_content();
        self.end_event();
        self.deltas.add(u64::from(counts));
    }

    fn push_sse(&mut self, mut frame: &[u8]) {
        if self.has_content && self.lines.is_between_events() && self.problem.is_none() {
            frame = self.repeats.pass(frame, &mut self.deltas);
        }
        if !frame.is_empty() {
            self.push_events(frame);
        }
    }

    /// Not inlined, to keep the path of most frames short.
    #[inline(never)]
    fn push_events(&mut self, frame: &[u8]) {
        // Count deltas from the first content on, even if the rest cannot be read.
        let mut counted = if self.has_content { 0 } else { frame.len() };
        if self.problem.is_none() {
            self.problem = self.read_events(frame, &mut counted).err();
        }
        self.deltas.push(&frame[counted..]);
    }

    fn read_events(&mut self, frame: &[u8], counted: &mut usize) -> Result<(), Problem> {
        let mut search = self.needles.search(frame);
        let mut at = 0;
        while at < frame.len() {
            if self.has_content && self.lines.is_between_events() {
                let next = search.next_event(at);
                if next > at {
                    self.repeats.learn(&frame[at..next], &self.deltas);
                    // An LF that belongs to a skipped CR is at most one more blank line.
                    at = next;
                    continue;
                }
            }
            let had_content = self.has_content;
            at = frame.len() - self.push_event(&frame[at..])?.len();
            if self.has_content && !had_content {
                self.deltas.add(1);
                *counted = at;
            }
        }
        Ok(())
    }

    /// Reads to the end of an event and returns the bytes after it.
    fn push_event<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Problem> {
        while let Some(piece) = self.lines.next(&mut bytes) {
            match piece {
                Piece::Data(data) => self.scanner.push(data)?,
                Piece::Error => self.is_error = true,
                Piece::End => {
                    self.scanner.check_end()?;
                    self.end_event();
                    break;
                }
            }
        }
        Ok(bytes)
    }

    fn end_event(&mut self) {
        if std::mem::take(&mut self.is_error) {
            let code = self.scanner.document().and_then(|event| text(event.code.head()));
            self.error = Some(ProviderError { code });
        }
        self.read_document();
        self.scanner.reset();
    }

    fn read_document(&mut self) {
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

/// Replaces a name only if it changed, so that repeated names do not allocate.
fn adopt<const LONGEST: usize>(name: &mut Option<Box<str>>, captured: &mut Captured<LONGEST>) {
    let Some(raw) = captured.whole() else { return };
    if !name.as_deref().is_some_and(|name| string::reads(raw, name)) {
        let is_plain = raw.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\');
        let newer = if is_plain { captured.take() } else { string::decode(raw) };
        *name = newer.map(Box::from).or(name.take());
    }
}

/// The well-formed start of a string's inside.
fn text(raw: Option<&[u8]>) -> Option<Box<str>> {
    Some(string::Decoder::new(raw?).map(|(character, _)| character).collect::<String>().into())
}

/// The name of a failure, cut like a code.
fn word(raw: &[u8]) -> Option<Box<str>> {
    let head = &raw[..raw.len().min(LONGEST_WORD)];
    (!head.is_empty()).then(|| String::from_utf8_lossy(head).into())
}
