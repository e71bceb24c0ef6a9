//! [`Meter`]: reads usage from the frames of a response body as they pass.

mod document;
mod readings;

use http::HeaderMap;

use super::captured::Word;
use super::count::Counter;
use super::event::LONGEST_WORD;
use super::format::Format;
use super::framing::Framing;
use super::framing::part::Part;
use super::grounding::Grounding;
use super::head;
use super::needles::Needles;
use super::place::Place;
use super::problem::Problem;
use super::repeats::RepeatedEvents;
use super::scan::Scanner;
use super::shape::Shape;
use super::sse::{Lines, Piece};
use super::terminal::Terminal;
use super::tokens::UsagePart;
use crate::json::is_space;

pub(crate) use self::readings::Later;
pub use self::readings::ProviderError;

const BOM: &[u8] = b"\xEF\xBB\xBF";

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
    grounding: Grounding,
    /// The size and quality of images. Boxed: most responses have none.
    look: Option<Box<[Word; 2]>>,
    /// `messageStop` has arrived (Converse).
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
            grounding: Grounding::default(),
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

    /// Ends metering early: the body cannot be read any further.
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
}

/// The name of a failure, cut to the length of a code.
fn word(raw: &[u8]) -> Option<Box<str>> {
    let head = &raw[..raw.len().min(LONGEST_WORD)];
    (!head.is_empty()).then(|| String::from_utf8_lossy(head).into())
}
