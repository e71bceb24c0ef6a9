//! Reading a response body beside the relay.

use std::fmt;

use http::{HeaderMap, header};

use crate::payload::{Capture, Payload};
use crate::route::Operation;
use crate::usage::{Format, Meter, Problem};

/// How the usage of an exchange was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metering {
    /// There was nothing to read: no response, or neither JSON nor an event stream.
    #[default]
    None,
    /// The whole response was read. Where there is no usage all the same, the provider told none.
    Complete,
    /// The response did not come to its end; the usage is what had been seen until then.
    Partial,
    /// The response is compressed in a way that is not read.
    Encoded,
    /// The usage was larger than what is kept of a response, or a compressed response grew beyond
    /// all measure.
    Overflow,
    /// The response is not what its `content-type` says.
    Malformed,
    /// The response repeats what was billed before, or never costs anything: a stored response, a
    /// repeated poll, a page of batch results, a list of models, a hit of a cache.
    Repeated,
}

impl Metering {
    /// The name in lower case, as in `overflow`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Encoded => "encoded",
            Self::Overflow => "overflow",
            Self::Malformed => "malformed",
            Self::Repeated => "repeated",
        }
    }
}

impl fmt::Display for Metering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What looks at the bytes of one response as they pass.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    sink: Option<Box<Sink>>,
    is_encoded: bool,
}

/// Where the bytes go once they are plain.
#[derive(Debug)]
struct Sink {
    meter: Option<Meter>,
    capture: Capture,
}

impl Sink {
    fn push(&mut self, data: &[u8]) {
        self.capture.push(data);
        if let Some(meter) = &mut self.meter {
            meter.push(data);
        }
    }
}

impl Reader {
    /// For a response with these headers. `limit` bounds what is kept of its usage,
    /// `payload_limit` what is kept for hooks.
    pub(crate) fn new(
        headers: &HeaderMap,
        operation: Operation,
        limit: usize,
        payload_limit: usize,
    ) -> Self {
        let is_encoded = headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        let format = Format::of(headers.get(header::CONTENT_TYPE));
        let format = format.filter(|_| limit > 0 && !is_encoded);
        if format.is_none() && payload_limit == 0 {
            return Self { sink: None, is_encoded };
        }
        let meter = format.map(|format| Meter::new(format, operation, limit));
        let sink = Sink { meter, capture: Capture::new(payload_limit) };
        Self { sink: Some(Box::new(sink)), is_encoded }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        if let Some(sink) = &mut self.sink {
            sink.push(data);
        }
    }

    /// The body has ended, well or not.
    pub(crate) fn finish(&mut self) {
        if let Some(meter) = self.sink.as_mut().and_then(|sink| sink.meter.as_mut()) {
            meter.finish();
        }
    }

    pub(crate) fn meter(&self) -> Option<&Meter> {
        self.sink.as_ref()?.meter.as_ref()
    }

    pub(crate) fn has_content(&self) -> bool {
        self.meter().is_some_and(Meter::has_content)
    }

    pub(crate) fn payload(&self) -> Option<Payload<'_>> {
        self.sink.as_ref()?.capture.payload()
    }

    /// `is_whole`: the response came to its end.
    pub(crate) fn metering(&self, is_whole: bool) -> Metering {
        match self.meter() {
            None if self.is_encoded => Metering::Encoded,
            None => Metering::None,
            Some(meter) => match meter.problem() {
                Some(Problem::Overflow) => Metering::Overflow,
                Some(Problem::Malformed) => Metering::Malformed,
                None if is_whole => Metering::Complete,
                None => Metering::Partial,
            },
        }
    }
}
