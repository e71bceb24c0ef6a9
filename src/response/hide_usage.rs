//! Removes the extra usage chunk from a response body.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;

use crate::exchange::request_state::RequestState;
use crate::usage::{Lines, Piece, is_usage_chunk};

/// The maximum size of a usage chunk. A longer event may be passed on before it is complete.
const LONGEST: usize = 64 * 1024;

/// Removes the usage chunk from an event stream if the gateway has asked for it. Only an event that
/// arrives in parts is held back.
#[derive(Debug)]
pub(crate) struct Hiding {
    watch: Arc<RequestState>,
    lines: Lines,
    /// The start of an event.
    held: BytesMut,
    /// The event is too long to be the usage chunk.
    passes: bool,
    ahead: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many bytes have been passed on.
    shown: usize,
    has_ended: bool,
}

impl Hiding {
    /// `watch` is the request's; it knows who asked for usage.
    pub(crate) fn new(watch: Arc<RequestState>) -> Self {
        Self {
            watch,
            lines: Lines::new(),
            held: BytesMut::new(),
            passes: false,
            ahead: VecDeque::new(),
            trailers: None,
            shown: 0,
            has_ended: false,
        }
    }

    /// What to send to the client before the provider's next frame.
    pub(crate) fn ahead(&mut self) -> Option<Frame<Bytes>> {
        let data = self.ahead.pop_front().map(Frame::data);
        data.or_else(|| self.trailers.take().map(Frame::trailers))
    }

    /// Returns true if the provider's body has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns true if nothing is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.ahead.is_empty() && self.trailers.is_none()
    }

    /// Takes the provider's next data. Returns how many bytes it passes on.
    pub(crate) fn data(&mut self, data: &Bytes) -> usize {
        let before = self.shown;
        // Bytes from `passed` on have not been passed on; the last event starts at `start`.
        let (mut rest, mut passed, mut start) = (&data[..], 0, 0);
        while let Some(piece) = self.lines.next(&mut rest) {
            if piece != Piece::End {
                continue;
            }
            let end = data.len() - rest.len();
            if self.held.is_empty() {
                if !self.passes && self.hides(&data[start..end]) {
                    self.pass(data.slice(passed..start));
                    passed = end;
                }
            } else {
                self.held.extend_from_slice(&data[..end]);
                passed = end;
                let event = self.held.split().freeze();
                if !self.hides(&event) {
                    self.pass(event);
                }
            }
            self.passes = false;
            start = end;
        }
        self.passes |= self.held.len() + data.len() - start > LONGEST;
        if self.passes {
            let held = self.held.split().freeze();
            self.pass(held);
            start = data.len();
        }
        self.pass(data.slice(passed..start));
        self.held.extend_from_slice(&data[start..]);
        self.shown - before
    }

    /// Ends the body, perhaps with trailers. Returns how many held bytes it passes on.
    pub(crate) fn end(&mut self, trailers: Option<HeaderMap>) -> usize {
        let held = self.held.split().freeze();
        let left = held.len();
        self.pass(held);
        self.trailers = trailers;
        self.has_ended = true;
        left
    }

    fn hides(&self, event: &[u8]) -> bool {
        is_usage_chunk(event) && self.watch.asks_for_usage() == Some(true)
    }

    fn pass(&mut self, data: Bytes) {
        self.shown += data.len();
        if !data.is_empty() {
            self.ahead.push_back(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "data: {\"choices\":[{\"delta\":{}}],\"usage\":null}\n\n";
    const CHUNK: &str = "data: {\"id\":\"1\",\"choices\":[ ],\"usage\":{\"total_tokens\":1}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    fn hiding() -> Hiding {
        let watch = RequestState::default();
        watch.set_asks_for_usage(true);
        Hiding::new(Arc::new(watch))
    }

    /// The output, and its number of pieces.
    fn shown(stream: &str, size: usize) -> (String, usize) {
        let mut hiding = hiding();
        let (mut out, mut pieces) = (Vec::new(), 0);
        let mut take = |hiding: &mut Hiding| {
            while let Some(frame) = hiding.ahead() {
                out.extend_from_slice(frame.data_ref().unwrap());
                pieces += 1;
            }
        };
        for frame in stream.as_bytes().chunks(size) {
            hiding.data(&Bytes::copy_from_slice(frame));
            take(&mut hiding);
        }
        hiding.end(None);
        take(&mut hiding);
        (String::from_utf8(out).unwrap(), pieces)
    }

    #[test]
    fn only_the_usage_chunk_is_removed_in_any_split() {
        for line_end in ["\n", "\r\n"] {
            let of = |parts: &[&str]| parts.concat().replace('\n', line_end);
            let stream = of(&[": hi\n\n", FIRST, FIRST, CHUNK, DONE, "data: cut off"]);
            let expected = of(&[": hi\n\n", FIRST, FIRST, DONE, "data: cut off"]);
            for size in 1..=stream.len() {
                assert_eq!(shown(&stream, size).0, expected, "by {size}");
            }
        }
    }

    #[test]
    fn whole_events_pass_in_the_same_pieces() {
        assert_eq!(shown(&FIRST.repeat(3), FIRST.len()).1, 3);
        assert_eq!(shown(&FIRST.repeat(3), 3 * FIRST.len()).1, 1);
    }

    #[test]
    fn other_events_with_usage_stay() {
        for event in [
            "data: {\"choices\":[],\"usage\":null}\n\n",
            "data: {\"choices\":[{}],\"usage\":{\"total_tokens\":1}}\n\n",
            "data: {\"usage\":{\"total_tokens\":1}}\n\n",
            "data: {\"choices\":[],\"usage\":{\"total_tokens\":1}\n\n",
            "event: usage\n\n",
        ] {
            assert_eq!(shown(event, 5).0, event);
        }
    }

    #[test]
    fn a_long_event_passes_before_it_is_complete() {
        let long = format!(
            "data: {{\"choices\":[],\"x\":\"{}\",\"usage\":{{}}}}\n\n",
            "x".repeat(2 * LONGEST)
        );
        let stream = [&long, CHUNK, FIRST].concat();
        for size in [1000, 70_000, stream.len()] {
            let mut hiding = hiding();
            for frame in stream.as_bytes().chunks(size) {
                hiding.data(&Bytes::copy_from_slice(frame));
                assert!(hiding.held.len() <= LONGEST);
            }
        }
        assert!(shown(&stream, 1000).0 == [&long, FIRST].concat());
    }
}
