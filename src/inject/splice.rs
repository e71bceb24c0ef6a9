//! The option on its way into a request body.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body::Frame;

use crate::route::Operation;
use crate::usage::Format;

/// Goes before the brace that closes the body's object, when all its keys are known.
const OPTION: &[u8] = br#","stream_options":{"include_usage":true}"#;
const PADDING: &[u8] = &[b' '; OPTION.len()];

/// Puts the option into one body as that passes.
///
/// Nothing is held back until it is known whether the option is wanted. So a length that was
/// announced is announced with room for it, which is filled with blanks where it is not.
#[derive(Debug)]
pub(crate) struct Splice {
    pads: bool,
    /// Of the next byte, in the body as the client sent it.
    offset: i64,
    is_over: bool,
    ahead: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    has_ended: bool,
}

impl Splice {
    /// Whether a request may be one for a stream of chat completions.
    pub(crate) fn suits(method: &Method, operation: Operation, headers: &HeaderMap) -> bool {
        let content_type = headers.get(header::CONTENT_TYPE);
        *method == Method::POST
            && matches!(operation, Operation::Chat | Operation::Completions)
            && !headers.contains_key(header::CONTENT_ENCODING)
            && (content_type.is_none() || Format::of(content_type) == Some(Format::Json))
    }

    /// `growth`: by how many bytes the body has grown in front of what is still to come.
    pub(crate) fn new(headers: &mut HeaderMap, growth: i64) -> Self {
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let length = length.and_then(|length| length.checked_add(OPTION.len() as u64));
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let (ahead, trailers) = (VecDeque::new(), None);
        Self {
            pads: length.is_some(),
            offset: growth.saturating_neg(),
            is_over: false,
            ahead,
            trailers,
            has_ended: false,
        }
    }

    /// What goes out before the client's next frame.
    pub(crate) fn ahead(&mut self) -> Option<Frame<Bytes>> {
        let data = self.ahead.pop_front().map(Frame::data);
        data.or_else(|| self.trailers.take().map(Frame::trailers))
    }

    /// A frame of the client's. `brace`: where the body's object closes and the option is wanted.
    ///
    /// Gives whether the option went in.
    pub(crate) fn data(&mut self, data: &mut Bytes, brace: Option<u64>) -> bool {
        let start = self.offset;
        self.offset = start.saturating_add_unsigned(data.len() as u64);
        let brace = brace.and_then(|brace| i64::try_from(brace).ok());
        let at = brace.and_then(|brace| brace.checked_sub(start)).filter(|at| *at >= 0);
        let Some(at) = at.filter(|_| brace < Some(self.offset)) else { return false };
        self.is_over = true;
        let rest = data.split_off(usize::try_from(at).unwrap_or(0));
        self.ahead.extend([Bytes::from_static(OPTION), rest]);
        true
    }

    /// The client's body has ended, maybe with trailers: what goes out in their place.
    pub(crate) fn end(&mut self, trailers: Option<HeaderMap>) -> Option<Frame<Bytes>> {
        self.trailers = trailers;
        self.has_ended = true;
        if self.left() > 0 {
            self.is_over = true;
            return Some(Frame::data(Bytes::from_static(PADDING)));
        }
        self.ahead()
    }

    /// Nothing is left to be asked of the client.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// How many bytes are still to be added.
    pub(crate) fn left(&self) -> u64 {
        let owed = if self.pads && !self.is_over { OPTION.len() } else { 0 };
        (owed + self.ahead.iter().map(Bytes::len).sum::<usize>()) as u64
    }

    /// How many bytes may still be added.
    pub(crate) fn most(&self) -> u64 {
        if self.is_over { self.left() } else { OPTION.len() as u64 }
    }
}
