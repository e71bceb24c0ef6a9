//! Reads a response body while it is relayed.

#[cfg(feature = "decompression")]
pub(crate) mod decode;
#[cfg(not(feature = "decompression"))]
#[path = "metering/no_decode.rs"]
pub(crate) mod decode;
mod glance;
mod response_id;

use http::{HeaderMap, HeaderValue, header};

use self::decode::Decoder;
pub(crate) use self::glance::{Glance, Sight};
pub(crate) use self::response_id::ResponseId;
use crate::usage::{Format, Meter, Problem, Shape};
use crate::util::macros::named_enum;
use crate::util::payload::{Capture, Payload};

named_enum! {
/// How the usage of an exchange was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metering {
    /// There was nothing to read: no response, or neither JSON nor an event stream.
    #[default]
    None = "none",
    /// The whole response was read. If there is no usage, the provider reported none.
    Complete = "complete",
    /// The response did not end properly. The usage is what was read until then.
    Partial = "partial",
    /// The compression of the response is not supported.
    Encoded = "encoded",
    /// The usage object was too large, or a compressed response expanded beyond the limit.
    Overflow = "overflow",
    /// The response does not match its `content-type`.
    Malformed = "malformed",
    /// The response came from the host's own cache and was billed when it was generated.
    Repeated = "repeated",
    /// Nothing is billed for this response: counted tokens, a list of models, free moderations,
    /// files, batches and their results, a stored answer, a poll without usage or with usage that
    /// was billed before, accepted work that is not done. Its usage and cost are `None`.
    ///
    /// A layer remembers the last 10,000 videos that it has billed, each for 24 hours, until the
    /// process ends. A later poll, or one through another process, is billed again.
    Free = "free",
}
/// The name in lower case, as in `overflow`.
pub fn as_str;
}

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
    /// A plain body of which nothing has come.
    Unread(Unread),
    Reading(Box<Sink>),
}

/// What to read of a plain body. One that comes in one piece is read without allocating.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unread {
    format: Format,
    shape: Shape,
    limit: usize,
}

impl Unread {
    #[inline]
    pub(crate) fn meter(self) -> Meter {
        Meter::new(self.format, self.shape, self.limit)
    }
}

/// What was read of a response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading<'a> {
    meter: Option<&'a Meter>,
    payload: Option<Payload<'a>>,
    /// The encoded data is incomplete.
    is_cut: bool,
    is_encoded: bool,
}

#[derive(Debug)]
struct Sink {
    coding: Coding,
    meter: Option<Meter>,
    capture: Capture,
}

/// The decoding of the relayed bytes.
#[derive(Debug)]
enum Coding {
    Plain,
    // Boxed: most responses are plain.
    Coded(Box<Decoder>),
    /// The decoder was dropped: the body has ended or cannot be decoded further. `is_cut`: the
    /// encoded data is incomplete.
    Over {
        is_cut: bool,
    },
}

impl Coding {
    /// `None` if the coding is not supported, or there are several.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let is_plain = |coding: &[u8]| coding.eq_ignore_ascii_case(b"identity");
        let codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let mut codings = codings.map(HeaderValue::as_bytes).filter(|coding| !is_plain(coding));
        match (codings.next(), codings.next()) {
            (None, _) => Some(Self::Plain),
            (Some(coding), None) => {
                Decoder::of(coding).map(|decoder| Self::Coded(Box::new(decoder)))
            }
            (Some(_), Some(_)) => None,
        }
    }
}

impl Sink {
    /// A meter is large, so it is constructed in its place.
    fn boxed(coding: Coding, unread: Option<Unread>, payload_limit: usize) -> Box<Self> {
        let capture = Capture::new(payload_limit);
        Box::write(Box::new_uninit(), Self { coding, meter: unread.map(Unread::meter), capture })
    }

    fn push(&mut self, data: &[u8], mut also: impl FnMut(&[u8])) {
        let Self { coding, meter, capture } = self;
        let mut see = |plain: &[u8]| {
            also(plain);
            capture.push(plain);
            if let Some(meter) = meter {
                meter.push(plain);
            }
        };
        match coding {
            Coding::Plain => see(data),
            Coding::Over { .. } => {}
            Coding::Coded(decoder) => {
                if let Err(problem) = decoder.push(data, see) {
                    self.stop(problem);
                } else if meter.is_none() && capture.is_cut() {
                    self.coding = Coding::Over { is_cut: false };
                }
            }
        }
    }

    fn stop(&mut self, problem: Problem) {
        self.coding = Coding::Over { is_cut: false };
        self.capture.cut();
        if let Some(meter) = &mut self.meter {
            meter.stop(problem);
        }
    }

    fn finish(&mut self) {
        if let Coding::Coded(decoder) = &mut self.coding {
            self.coding = Coding::Over { is_cut: decoder.is_cut() };
        }
        if let Some(meter) = &mut self.meter {
            meter.finish();
        }
    }
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

    /// What to read, if nothing of the body has come.
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

    /// The same, and shows what is metered as it is decoded.
    pub(crate) fn push_seen(&mut self, data: &[u8], seen: impl FnMut(&[u8])) {
        if let Some(sink) = self.sink() {
            sink.push(data, seen);
        }
    }

    /// The body has ended, well or not.
    pub(crate) fn finish(&mut self) {
        if let Some(sink) = self.sink() {
            sink.finish();
        }
    }

    /// What was read so far.
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

    /// Whether it looks for usage.
    #[cfg(feature = "cache")]
    pub(crate) fn is_metering(&self) -> bool {
        self.unread().is_some() || self.meter().is_some()
    }

    /// The compression is not supported.
    #[cfg(feature = "cache")]
    pub(crate) fn is_encoded(&self) -> bool {
        self.is_encoded
    }

    /// Whether a body that has ended was read to the end of its coding, too. One that is not metered is
    /// not decoded.
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

impl<'a> Reading<'a> {
    /// A plain body that is not kept.
    pub(crate) fn of(meter: &'a Meter) -> Self {
        Self { meter: Some(meter), ..Self::default() }
    }

    pub(crate) fn meter(self) -> Option<&'a Meter> {
        self.meter
    }

    /// The compression is not supported.
    pub(crate) fn is_encoded(self) -> bool {
        self.is_encoded
    }

    pub(crate) fn payload(self) -> Option<Payload<'a>> {
        self.payload
    }

    /// `is_whole`: the response ended properly.
    pub(crate) fn metering(self, is_whole: bool) -> Metering {
        match self.meter {
            None if self.is_encoded => Metering::Encoded,
            None => Metering::None,
            Some(meter) => match meter.problem() {
                Some(Problem::Overflow) => Metering::Overflow,
                Some(Problem::Malformed) => Metering::Malformed,
                None if !is_whole => Metering::Partial,
                None if self.is_cut && meter.terminal().is_none() || meter.is_cut() => {
                    Metering::Malformed
                }
                None => Metering::Complete,
            },
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn what_stopped_the_metering_goes_before_what_stopped_the_response() {
        for (body, metering) in [
            (r#"{"usage":{"a":1}}"#, Metering::Overflow),
            ("<html>", Metering::Malformed),
            ("{", Metering::Partial),
        ] {
            assert_eq!(read("identity", body).reading().metering(false), metering, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_kept_as_it_is() {
        let reader = read("x-none", "0123");
        assert_eq!(reader.reading().metering(true), Metering::Encoded);
        assert_eq!(reader.reading().payload().map(|payload| payload.bytes), Some(&b"0123"[..]));
    }

    #[cfg(feature = "decompression")]
    #[test]
    fn a_payload_that_cannot_be_decoded_to_its_end_is_not_whole() {
        let reader = read("gzip", "no gzip");
        assert_eq!(reader.reading().metering(true), Metering::Malformed);
        assert_eq!(reader.reading().payload().map(|payload| payload.is_whole), Some(false));
    }
}
