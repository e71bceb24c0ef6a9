//! Bounds texts from clients and providers before they are queued.

use crate::directives::metadata::MetadataValue;

/// The default limit of such a text, in bytes.
pub(super) const TEXT_LIMIT: usize = 1024;

/// The end of a text that was cut.
pub(super) const MARK: char = '\u{2026}';

/// Copies texts up to a limit, and records whether any of them was cut.
#[derive(Debug)]
pub(super) struct Cut {
    limit: usize,
    pub(super) was_needed: bool,
}

impl Cut {
    /// `limit`: in bytes, without the mark.
    pub(super) fn at(limit: usize) -> Self {
        Self { limit, was_needed: false }
    }

    /// Replaces a text and reuses its memory.
    pub(super) fn text(&mut self, into: &mut String, text: &str) {
        into.clear();
        if text.len() <= self.limit {
            into.push_str(text);
            return;
        }
        let mut ends = (0..=self.limit).rev();
        let end = ends.find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        self.marked(into, &text[..end]);
    }

    /// The same for bytes that may not be UTF-8. Decodes no more than is kept.
    pub(super) fn bytes(&mut self, into: &mut String, bytes: &[u8]) {
        let kept = bytes.get(..self.limit).unwrap_or(bytes);
        let text = String::from_utf8_lossy(kept);
        // A replacement character is longer than the byte that it replaces.
        if text.len() > self.limit || kept.len() == bytes.len() {
            return self.text(into, &text);
        }
        into.clear();
        self.marked(into, &text);
    }

    pub(super) fn option(&mut self, into: &mut Option<String>, text: Option<&str>) {
        match text {
            Some(text) => self.text(into.get_or_insert_default(), text),
            None => *into = None,
        }
    }

    /// A copy of the text.
    pub(super) fn copy(&mut self, text: &str) -> String {
        let mut copy = String::new();
        self.text(&mut copy, text);
        copy
    }

    /// A copy of a value of metadata.
    pub(super) fn value(&mut self, value: &MetadataValue) -> MetadataValue {
        match value {
            MetadataValue::String(text) => MetadataValue::String(self.copy(text)),
            other => other.clone(),
        }
    }

    fn marked(&mut self, into: &mut String, kept: &str) {
        self.was_needed = true;
        into.push_str(kept);
        into.push(MARK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_marked() {
        for (text, limit, expected, was_needed) in [
            ("abc", 3, "abc", false),
            ("abcd", 3, "abc\u{2026}", true),
            ("a\u{e9}b", 2, "a\u{2026}", true),
            ("\u{1f600}", 3, "\u{2026}", true),
            ("a", 0, "\u{2026}", true),
            ("", 0, "", false),
        ] {
            let mut cut = Cut::at(limit);
            assert_eq!((cut.copy(text), cut.was_needed), (expected.to_owned(), was_needed));
        }
    }

    #[test]
    fn invalid_utf8_is_bounded_too() {
        for (bytes, expected, was_needed) in [
            (&b"abcdefgh"[..], "abcdefgh", false),
            (b"abcdefghi", "abcdefgh\u{2026}", true),
            (&[0xff; 2], "\u{fffd}\u{fffd}", false),
            (&[0xff; 1000], "\u{fffd}\u{fffd}\u{2026}", true),
        ] {
            let (mut cut, mut text) = (Cut::at(8), "what was there".to_owned());
            cut.bytes(&mut text, bytes);
            assert_eq!((text.as_str(), cut.was_needed), (expected, was_needed));
        }
    }
}
