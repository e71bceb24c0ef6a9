//! Bounding texts that a client or a provider chooses, before they are queued.

use std::borrow::Cow;

/// How many bytes of such a text are kept, unless the host says otherwise.
pub(super) const TEXT_LIMIT: usize = 1024;

/// Stands at the end of a text that was cut.
pub(super) const MARK: char = '\u{2026}';

/// Copies texts up to a limit, and remembers whether that was too little for one of them.
#[derive(Debug)]
pub(super) struct Cut {
    limit: usize,
    pub(super) was_needed: bool,
}

impl Cut {
    /// `limit`: in bytes, the mark not included.
    pub(super) fn at(limit: usize) -> Self {
        Self { limit, was_needed: false }
    }

    pub(super) fn text(&mut self, text: &str) -> String {
        if text.len() <= self.limit {
            return text.to_owned();
        }
        let mut ends = (0..=self.limit).rev();
        let end = ends.find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        self.marked(&text[..end])
    }

    /// Bytes that need not be UTF-8, without decoding more of them than is kept.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> String {
        let kept = bytes.get(..self.limit).unwrap_or(bytes);
        let text = String::from_utf8_lossy(kept);
        match text {
            // A replacement character is longer than the byte that it stands for.
            text if text.len() > self.limit => self.text(&text),
            text if kept.len() < bytes.len() => self.marked(&text),
            Cow::Owned(text) => text,
            Cow::Borrowed(text) => text.to_owned(),
        }
    }

    pub(super) fn option(&mut self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    fn marked(&mut self, kept: &str) -> String {
        self.was_needed = true;
        let mut text = String::with_capacity(kept.len() + MARK.len_utf8());
        text.push_str(kept);
        text.push(MARK);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        for (text, limit, expected, was_needed) in [
            ("abc", 3, "abc", false),
            ("abcd", 3, "abc\u{2026}", true),
            ("a\u{e9}b", 2, "a\u{2026}", true),
            ("\u{1f600}", 3, "\u{2026}", true),
            ("a", 0, "\u{2026}", true),
            ("", 0, "", false),
        ] {
            let mut cut = Cut::at(limit);
            assert_eq!((cut.text(text), cut.was_needed), (expected.to_owned(), was_needed));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_bounded_too() {
        let mut cut = Cut::at(8);
        assert_eq!((cut.bytes(b"abcdefgh"), cut.was_needed), ("abcdefgh".to_owned(), false));
        assert_eq!(cut.bytes(b"abcdefghi"), "abcdefgh\u{2026}");
        assert_eq!(cut.bytes(&[0xff; 1000]), "\u{fffd}\u{fffd}\u{2026}");
        assert!(cut.was_needed);
    }
}
