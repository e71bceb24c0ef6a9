//! The binary frames of `application/vnd.amazon.eventstream`.
//!
//! A frame is a prelude (its length, the length of its headers, a checksum of the two), headers,
//! a payload, and a checksum of all that.

mod headers;

use self::headers::HeaderValues;
use super::crc::Crc;
use super::wrapped::Wrapped;
use crate::usage::framing::part::{Part, Sink};
use crate::usage::problem::Problem;

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
/// The longest frame of the protocol.
const LONGEST: usize = 24 << 20;
/// The longest headers that are kept; real ones have about a hundred bytes.
const LONGEST_HEADERS: usize = 4096;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Prelude,
    Headers,
    Payload,
    Checksum,
}

#[derive(Debug, Default)]
pub(in crate::usage) struct Frames {
    state: State,
    /// The received part of the prelude or checksum; the headers, until their frame ends.
    kept: Vec<u8>,
    checksum: [u8; CHECKSUM],
    headers: usize,
    /// The number of missing bytes of the current part.
    missing: usize,
    payload: usize,
    crc: Crc,
    values: HeaderValues,
    /// The decoder of a payload that wraps another document.
    wrapped: Option<Wrapped>,
}

impl Frames {
    pub(super) fn is_within(&self) -> bool {
        self.state != State::Prelude || !self.kept.is_empty()
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Problem> {
        while !bytes.is_empty() {
            if self.state == State::Prelude && self.kept.is_empty() {
                self.missing = PRELUDE;
            }
            let (part, rest) = bytes.split_at(bytes.len().min(self.missing));
            bytes = rest;
            self.missing -= part.len();
            match self.state {
                State::Prelude | State::Headers => {
                    self.kept.extend_from_slice(part);
                    self.crc.push(part);
                }
                State::Payload => {
                    self.crc.push(part);
                    match &mut self.wrapped {
                        Some(wrapped) => wrapped.push(part, sink)?,
                        None => sink(Part::Data(part))?,
                    }
                }
                State::Checksum => {
                    let end = CHECKSUM - self.missing;
                    self.checksum[end - part.len()..end].copy_from_slice(part);
                }
            }
            // Empty parts are complete at once.
            while self.missing == 0 && !self.advance(sink)? {}
        }
        Ok(())
    }

    /// Ends the current part. Returns true if the frame is complete.
    fn advance(&mut self, sink: &mut Sink<'_>) -> Result<bool, Problem> {
        match self.state {
            State::Prelude => {
                self.begin()?;
                self.state = State::Headers;
                self.missing = self.headers;
            }
            State::Headers => {
                self.values = HeaderValues::read(&self.kept).ok_or(Problem::Malformed)?;
                let is_chunk = self.values.event(&self.kept) == b"chunk";
                self.wrapped = is_chunk.then(Wrapped::new);
                self.state = State::Payload;
                self.missing = self.payload;
            }
            State::Payload => {
                self.state = State::Checksum;
                self.missing = CHECKSUM;
            }
            State::Checksum => {
                if u32::from_be_bytes(self.checksum) != self.crc.value() {
                    return Err(Problem::Malformed);
                }
                match (self.values.failure(&self.kept), &self.wrapped) {
                    (Some(code), _) => sink(Part::Failed(code))?,
                    (None, None) => sink(Part::Named(self.values.event(&self.kept)))?,
                    // The wrapped document has its own type.
                    (None, Some(_)) => {}
                }
                sink(Part::End)?;
                self.kept.clear();
                self.crc = Crc::default();
                self.state = State::Prelude;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the prelude.
    fn begin(&mut self) -> Result<(), Problem> {
        let word = |at: usize| {
            let word = self.kept.get(at..)?.first_chunk()?;
            Some(u32::from_be_bytes(*word))
        };
        let (Some(length), Some(headers), Some(checksum)) = (word(0), word(4), word(8)) else {
            return Err(Problem::Malformed);
        };
        let mut crc = Crc::default();
        crc.push(&self.kept[..PRELUDE - CHECKSUM]);
        let (length, headers) = (length as usize, headers as usize);
        if crc.value() != checksum || length > LONGEST || headers > LONGEST_HEADERS {
            return Err(Problem::Malformed);
        }
        let payload = length.checked_sub(PRELUDE + headers + CHECKSUM);
        self.payload = payload.ok_or(Problem::Malformed)?;
        self.headers = headers;
        self.kept.clear();
        Ok(())
    }
}

/// Encodes a frame.
#[cfg(any(test, fuzzing))]
pub(crate) fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = Crc::default();
        crc.push(bytes);
        crc.value().to_be_bytes()
    };
    let length = PRELUDE + headers.len() + payload.len() + CHECKSUM;
    let mut frame = Vec::with_capacity(length);
    frame.extend_from_slice(&(length as u32).to_be_bytes());
    frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    frame.extend_from_slice(&crc(&frame));
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc(&frame));
    frame
}

#[cfg(test)]
mod tests {
    use super::super::tests::parts;
    use super::super::{Format, Framing};
    use super::frame;

    fn header(name: &str, value: &str) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[name.len() as u8], name.as_bytes(), &[7], &length, value.as_bytes()].concat()
    }

    fn event(kind: &str, payload: &str) -> Vec<u8> {
        let headers = [
            header(":event-type", kind),
            header(":content-type", "application/json"),
            header(":message-type", "event"),
        ];
        frame(&headers.concat(), payload.as_bytes())
    }

    fn read(stream: &[u8]) -> (String, bool) {
        let read = |chunk| {
            let mut framing = Framing::of(Format::AmazonEventStream).unwrap();
            let parts = parts(&mut framing, stream, chunk);
            (parts, framing.is_cut())
        };
        let whole = read(stream.len().max(1));
        for chunk in (1..40).chain([100]) {
            assert_eq!(read(chunk), whole, "by {chunk}");
        }
        whole
    }

    #[test]
    fn each_frame_is_a_document() {
        let stream = [
            event("messageStart", "{\"role\":\"assistant\"}"),
            event("chunk", "{\"bytes\":\"eyJhIjoxfQ==\",\"p\":\"abc\"}"),
            frame(&[], b""),
            frame(
                &[
                    header(":exception-type", "throttlingException"),
                    header(":message-type", "exception"),
                ]
                .concat(),
                b"{}",
            ),
            frame(&[header(":message-type", "error"), header(":error-code", "500")].concat(), b""),
            frame(&header(":message-type", "error"), b""),
        ]
        .concat();
        let parts = "{\"role\":\"assistant\"}<messageStart>|{\"a\":1}|<>|{}!throttlingException!|!500!|!error!|";
        assert_eq!(read(&stream), (parts.to_owned(), false));
        for cut in 1..stream.len() {
            let (read, _) = read(&stream[..cut]);
            assert!(!read.ends_with("Malformed") && parts.starts_with(&read), "{cut}: {read}");
        }
    }

    #[test]
    fn headers_of_all_types_are_skipped() {
        let mut headers = Vec::new();
        for (kind, value) in [
            (0, &b""[..]),
            (1, b""),
            (2, b"1"),
            (3, b"12"),
            (4, b"1234"),
            (5, b"12345678"),
            (6, b"\x00\x03abc"),
            (8, b"12345678"),
            (9, b"0123456789abcdef"),
        ] {
            headers.extend_from_slice(&[1, b'x', kind]);
            headers.extend_from_slice(value);
        }
        headers.extend_from_slice(&header(":event-type", "metadata"));
        assert_eq!(read(&frame(&headers, b"{}")), ("{}<metadata>|".to_owned(), false));
        for cut in [&headers[..headers.len() - 1], &[1, b'x', 10], &[200, b'x'], &[0]] {
            assert_eq!(read(&frame(cut, b"{}")).0, "Malformed");
        }
    }

    #[test]
    fn wrong_lengths_and_checksums_are_malformed() {
        let good = event("metadata", "{}");
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            let (parts, is_cut) = read(&bad);
            assert!(parts.ends_with("Malformed") || is_cut, "{place}: {parts}");
            assert!(!parts.contains('|'), "{place}: {parts}");
        }
        for (length, headers) in [
            (u32::MAX, 0_u32),
            (u32::MAX, u32::MAX),
            (16, u32::MAX),
            (16, 1),
            (15, 0),
            (0, 0),
            (25 << 20, 0),
            (1 << 20, 5000),
        ] {
            let mut prelude = [length.to_be_bytes(), headers.to_be_bytes()].concat();
            let mut crc = super::Crc::default();
            crc.push(&prelude);
            prelude.extend_from_slice(&crc.value().to_be_bytes());
            assert_eq!(read(&prelude).0, "Malformed", "{length} {headers}");
        }
    }
}
