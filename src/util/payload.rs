//! The part of a body that hooks see, if they ask for it.

use std::borrow::Cow;
use std::fmt;

/// The start of a body, up to the limit that a hook asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Payload<'a> {
    /// The bytes. They come from the client or provider and may hold anything, including secrets.
    pub bytes: &'a [u8],
    /// Whether these are all bytes; if not, there were more than the limit.
    pub is_whole: bool,
}

impl<'a> Payload<'a> {
    /// The bytes as text; `None` if they are not UTF-8. If the payload is cut, a partial last
    /// character is left out.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        match str::from_utf8(self.bytes) {
            Ok(text) => Some(text),
            Err(error) if !self.is_whole && error.error_len().is_none() => {
                str::from_utf8(&self.bytes[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        }
    }

    /// The bytes as text, with U+FFFD in place of invalid parts.
    #[must_use]
    pub fn text_lossy(&self) -> Cow<'a, str> {
        self.text().map_or_else(|| String::from_utf8_lossy(self.bytes), Cow::Borrowed)
    }

    /// At most `limit` bytes of it; `None` if the limit is 0.
    pub(crate) fn up_to(self, limit: usize) -> Option<Self> {
        let bytes = &self.bytes[..self.bytes.len().min(limit)];
        let is_whole = self.is_whole && bytes.len() == self.bytes.len();
        (limit > 0).then_some(Self { bytes, is_whole })
    }
}

// Opaque: a body may hold user data.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("length", &self.bytes.len())
            .field("is_whole", &self.is_whole)
            .finish()
    }
}

/// Keeps the start of a body.
#[derive(Default)]
pub(crate) struct Capture {
    bytes: Vec<u8>,
    limit: usize,
    is_cut: bool,
}

impl Capture {
    /// With a limit of 0 it keeps nothing.
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, is_cut: false }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        let room = self.limit.saturating_sub(self.bytes.len());
        self.is_cut |= data.len() > room;
        if room == 0 {
            return;
        }
        self.bytes.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// Marks the payload as cut: more bytes have passed than were pushed.
    pub(crate) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Returns true if nothing more will be kept.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn payload(&self) -> Option<Payload<'_>> {
        (self.limit > 0).then_some(Payload { bytes: &self.bytes, is_whole: !self.is_cut })
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.payload().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_keeps_up_to_its_limit_and_says_so() {
        let mut capture = Capture::new(4);
        capture.push(b"abc");
        assert_eq!(capture.payload(), Some(Payload { bytes: b"abc", is_whole: true }));
        capture.push(b"d");
        assert_eq!(capture.payload(), Some(Payload { bytes: b"abcd", is_whole: true }));
        capture.push(b"e");
        assert_eq!(capture.payload(), Some(Payload { bytes: b"abcd", is_whole: false }));
        assert!(!format!("{capture:?}").contains("97"));
    }

    #[test]
    fn the_text_of_a_cut_payload_ends_with_a_whole_character() {
        let text = "a\u{e9}".as_bytes();
        let payload = |bytes, is_whole| Payload { bytes, is_whole };
        assert_eq!(payload(text, true).text(), Some("a\u{e9}"));
        assert_eq!(payload(&text[..2], false).text(), Some("a"));
        assert_eq!(payload(&text[..2], true).text(), None);
        assert_eq!(payload(b"a\xffb", false).text(), None);
        assert_eq!(payload(b"a\xffb", true).text_lossy(), "a\u{fffd}b");
        let whole = payload(text, true);
        assert_eq!(whole.up_to(3), Some(whole));
        assert_eq!(whole.up_to(2), Some(payload(&text[..2], false)));
        assert_eq!(whole.up_to(0), None);
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let mut capture = Capture::new(0);
        capture.push(b"abc");
        assert_eq!(capture.payload(), None);
    }
}
