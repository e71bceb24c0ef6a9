//! Counts the deltas of a stream, for the mean time between them.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::shape::Shape;

/// Occurs once in each content event of chat completions, Responses and Messages.
static DELTAS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"delta\""));
/// Occurs once in each event of legacy completions.
static TEXTS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"text\""));
/// Occurs once in each content event of Gemini.
static PART_LISTS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"parts\""));
/// Occurs once in each event of Workers AI's own streams.
static RESPONSES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"response\""));

/// Counts a word in bytes that may be split anywhere.
#[derive(Debug)]
pub(super) struct Counter {
    finder: &'static Finder<'static>,
    count: u64,
    /// The length of the word's prefix at the end of the bytes so far.
    matched: usize,
}

impl Counter {
    /// Counts the word that occurs once in each content event of this shape.
    #[inline]
    pub(super) fn of(shape: Shape) -> Self {
        let finder = match shape {
            Shape::Completions | Shape::CohereV1 => &TEXTS,
            Shape::GenerateContent => &PART_LISTS,
            Shape::WorkersAi => &RESPONSES,
            _ => &DELTAS,
        };
        Self { finder, count: 0, matched: 0 }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn add(&mut self, count: u64) {
        self.count += count;
    }

    /// The word without its quotes.
    pub(super) fn inside(&self) -> &'static [u8] {
        let word = self.finder.needle();
        &word[1..word.len() - 1]
    }

    /// The number of occurrences in these bytes alone.
    pub(super) fn words_in(&self, bytes: &[u8]) -> u64 {
        self.finder.find_iter(bytes).count() as u64
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let word = self.finder.needle();
        let mut end = 0;
        if self.matched > 0 {
            // No prefix of the word occurs elsewhere in it, so this is the only possible
            // continuation.
            let missing = &word[self.matched..];
            if bytes.len() < missing.len() && missing.starts_with(bytes) {
                self.matched += bytes.len();
                return;
            }
            if bytes.starts_with(missing) {
                self.count += 1;
                end = missing.len();
            }
        }
        let start = end;
        for found in self.finder.find_iter(&bytes[start..]) {
            self.count += 1;
            end = start + found + word.len();
        }
        let rest = &bytes[end..];
        self.matched =
            (1..word.len()).rev().find(|length| rest.ends_with(&word[..*length])).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_counts_the_same() {
        let text = br#"{"delta":"d"} "del "delta" delta" "delta"delta" "delt"delta""delta" "del"#;
        for first in 0..text.len() {
            for second in first..text.len() {
                let mut counter = Counter::of(Shape::Chat);
                counter.push(&text[..first]);
                counter.push(&text[first..second]);
                counter.push(&text[second..]);
                assert_eq!(counter.count(), 5, "{first} {second}");
            }
        }
    }
}
