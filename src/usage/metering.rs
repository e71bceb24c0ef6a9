//! Reads a response body while it is relayed.

mod coding;
#[cfg(feature = "decompression")]
pub(crate) mod decode;
#[cfg(not(feature = "decompression"))]
#[path = "metering/no_decode.rs"]
pub(crate) mod decode;
mod glance;
mod reading;
mod response_id;
mod sink;

use http::HeaderMap;

use self::coding::Coding;
pub(crate) use self::glance::{Glance, Sight};
pub use self::reading::Metering;
pub(crate) use self::reading::Reading;
pub(crate) use self::response_id::ResponseId;
use self::sink::Sink;
pub(crate) use self::sink::Unread;
use crate::usage::{Format, Meter, Shape};

/// Reads the bytes of one response as they pass.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    state: State,
    /// The compression is not supported.
    is_encoded: bool,
}

#[derive(Debug, Default)]
enum State {
    /// There is nothing to read.
    #[default]
    Nothing,
    /// A plain body of which no byte has come.
    Unread(Unread),
    Reading(Box<Sink>),
}

impl Reader {
    /// Creates a reader for a response with these headers. `format` is that of its `content-type`.
    /// `limit` bounds a usage object, `payload_limit` the capture for hooks.
    pub(crate) fn new(
        headers: &HeaderMap,
        format: Option<Format>,
        shape: Shape,
        limit: usize,
        payload_limit: usize,
    ) -> Self {
        let coding = Coding::of(headers);
        let is_encoded = coding.is_none();
        let format = format.filter(|_| limit > 0 && !is_encoded);
        let unread = format.map(|format| Unread { format, shape, limit });
        let state = match (coding, unread) {
            (_, None) if payload_limit == 0 => State::Nothing,
            (Some(Coding::Plain), Some(unread)) if payload_limit == 0 && shape != Shape::Invoke => {
                State::Unread(unread)
            }
            (coding, unread) => {
                // An unsupported coding is captured without decoding.
                let coding = coding.unwrap_or(Coding::Plain);
                let mut sink = Sink::boxed(coding, unread, payload_limit);
                if let Some(meter) = &mut sink.meter {
                    meter.see_head(headers);
                }
                State::Reading(sink)
            }
        };
        Self { state, is_encoded }
    }

    /// What to read, if no byte of the body has come.
    pub(crate) fn unread(&self) -> Option<Unread> {
        match self.state {
            State::Unread(unread) => Some(unread),
            _ => None,
        }
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        if let State::Unread(unread) = self.state {
            self.state = State::Reading(Sink::boxed(Coding::Plain, Some(unread), 0));
        }
        match &mut self.state {
            State::Reading(sink) => Some(sink),
            _ => None,
        }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        self.push_seen(data, |_| {});
    }

    /// Like [`push`](Self::push); also passes decoded data that is metered to `seen`.
    pub(crate) fn push_seen(&mut self, data: &[u8], seen: impl FnMut(&[u8])) {
        if let Some(sink) = self.sink() {
            sink.push(data, seen);
        }
    }

    /// Ends the body, complete or not.
    pub(crate) fn finish(&mut self) {
        if let Some(sink) = self.sink() {
            sink.finish();
        }
    }

    /// The reading so far.
    pub(crate) fn reading(&self) -> Reading<'_> {
        let is_encoded = self.is_encoded;
        let State::Reading(sink) = &self.state else {
            return Reading { is_encoded, ..Reading::default() };
        };
        let is_cut = matches!(sink.coding, Coding::Over { is_cut: true });
        Reading { meter: sink.meter.as_ref(), payload: sink.capture.payload(), is_cut, is_encoded }
    }

    pub(crate) fn meter(&self) -> Option<&Meter> {
        match &self.state {
            State::Reading(sink) => sink.meter.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn has_content(&self) -> bool {
        self.meter().is_some_and(Meter::has_content)
    }

    /// Returns true if it looks for usage.
    #[cfg(feature = "cache")]
    pub(crate) fn is_metering(&self) -> bool {
        self.unread().is_some() || self.meter().is_some()
    }

    /// The compression is not supported.
    #[cfg(feature = "cache")]
    pub(crate) fn is_encoded(&self) -> bool {
        self.is_encoded
    }

    /// Returns true if a body that has ended was decoded to its end. A body that is not metered is not
    /// decoded.
    #[cfg(feature = "cache")]
    pub(crate) fn is_decoded(&self) -> bool {
        match &self.state {
            State::Reading(sink) => {
                !matches!(sink.coding, Coding::Coded(_) | Coding::Over { is_cut: true })
            }
            State::Nothing | State::Unread(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    /// Reads a JSON body with this coding, with room for four bytes of usage and eight of payload.
    fn read(coding: &'static str, body: &str) -> Reader {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        let mut reader = Reader::new(&headers, Some(Format::Json), Shape::Chat, 4, 8);
        reader.push(body.as_bytes());
        reader.finish();
        reader
    }

    #[test]
    fn a_problem_of_the_metering_overrides_a_cut_response() {
        for (body, metering) in [
            (r#"{"usage":{"a":1}}"#, Metering::Overflow),
            ("<html>", Metering::Malformed),
            ("{", Metering::Partial),
        ] {
            assert_eq!(read("identity", body).reading().metering(false), metering, "{body}");
        }
    }

    #[test]
    fn a_body_of_an_unknown_coding_is_kept_encoded() {
        let reader = read("x-none", "0123");
        assert_eq!(reader.reading().metering(true), Metering::Encoded);
        assert_eq!(reader.reading().payload.map(|payload| payload.bytes), Some(&b"0123"[..]));
    }

    #[cfg(feature = "decompression")]
    #[test]
    fn a_payload_that_fails_to_decode_is_not_whole() {
        let reader = read("gzip", "no gzip");
        assert_eq!(reader.reading().metering(true), Metering::Malformed);
        assert_eq!(reader.reading().payload.map(|payload| payload.is_whole), Some(false));
    }
}
