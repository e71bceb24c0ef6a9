//! Recognises events that repeat an irrelevant one, except for their text.
//!
//! Most events of a stream do. Two comparisons and a scan of the text recognise them, while the
//! search for words would scan each of them several times. The text is irrelevant whatever it
//! contains: it is the inside of one string whose key is not read for any name.

use std::ops::Range;

use super::count::Counter;
use crate::json::quote::find_quote;

/// The keys of a stream's text, without their first quote: any key with this ending will do.
const KEYS: [&[u8]; 6] =
    [b"content\":", b"text\":", b"delta\":", b"thinking\":", b"arguments\":", b"partial_json\":"];
/// Longer events are not kept: most of them is not text.
const LONGEST: usize = 1024;
/// After this many learned events in a row without a repeat, no more are learned.
const PATIENCE: u8 = 8;

#[derive(Debug, Default)]
pub(super) struct RepeatedEvents {
    /// An event with its blank line; empty if none is known.
    event: Vec<u8>,
    /// The range of its text.
    text: Range<usize>,
    /// The number of the counter's words in it.
    words: u64,
    /// The number of events learned since the last repeat.
    misses: u8,
}

impl RepeatedEvents {
    /// Skips the repeats at the start of `frame`, counts their words, and returns the rest.
    pub(super) fn pass<'a>(&mut self, frame: &'a [u8], counter: &mut Counter) -> &'a [u8] {
        if self.event.is_empty() {
            return frame;
        }
        let (head, tail) = (&self.event[..self.text.start], &self.event[self.text.end..]);
        let mut left = frame;
        while let Some(rest) = left.strip_prefix(head)
            && let Some(length) = find_quote(rest)
            && let (text, rest) = rest.split_at(length)
            && let Some(rest) = rest.strip_prefix(tail)
            && is_one_line(text)
            && !ends_a_word(text, counter)
        {
            left = rest;
            counter.add(self.words);
            self.misses = 0;
        }
        left
    }

    /// Learns the irrelevant event at the start of `passed`.
    pub(super) fn learn(&mut self, passed: &[u8], counter: &Counter) {
        if self.misses == PATIENCE {
            return;
        }
        self.misses += 1;
        self.event.clear();
        let end = memchr::memmem::find(passed, b"\n\n").map(|end| end + 2);
        let event = &passed[..end.unwrap_or_default()];
        if let Some(text) = text(event)
            && !ends_a_word(&event[text.clone()], counter)
            && event.len() <= LONGEST
            && self.misses < PATIENCE
        {
            self.event.extend_from_slice(event);
            self.text = text;
            self.words = counter.words_in(event);
        }
    }
}

/// Returns true if the text ends with the counted word: together with the quote after it, the word
/// would be counted once more.
fn ends_a_word(text: &[u8], counter: &Counter) -> bool {
    let word = counter.inside();
    // The last letter decides for most texts.
    text.last() == word.last() && text.ends_with(word)
}

/// Returns true if the text has no line end, which would end the event's line.
fn is_one_line(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte >= b' ')
}

/// The first non-empty text in an event.
fn text(event: &[u8]) -> Option<Range<usize>> {
    KEYS.iter().find_map(|key| {
        memchr::memmem::find_iter(event, key).find_map(|at| {
            let value = event.get(at + key.len()..)?;
            let value = value.strip_prefix(b" ").unwrap_or(value).strip_prefix(b"\"")?;
            let start = event.len() - value.len();
            let length = find_quote(value).filter(|length| is_one_line(&value[..*length]))?;
            (length > 0).then_some(start..start + length)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::shape::Shape;

    const FIRST: &str = "data: {\"a\":1,\"delta\":{\"content\":\"one\"}}\n\n";

    fn learned() -> (RepeatedEvents, Counter) {
        let (mut repeats, counter) = (RepeatedEvents::default(), Counter::of(Shape::Chat));
        repeats.learn(FIRST.as_bytes(), &counter);
        (repeats, counter)
    }

    #[test]
    fn only_the_text_may_differ() {
        let repeat = |text: &str| FIRST.replace("one", text);
        for (frame, left, count) in [
            (repeat("two"), String::new(), 1),
            (repeat(""), String::new(), 1),
            (repeat("a \\\"b\\\\") + &repeat("error [DONE]"), String::new(), 2),
            (repeat("a") + "data: x\n\n", "data: x\n\n".to_owned(), 1),
            (repeat("a\n\nevent: error"), repeat("a\n\nevent: error"), 0),
            (repeat("delta"), repeat("delta"), 0),
            (repeat("\\\"delta"), repeat("\\\"delta"), 0),
            (repeat("a").replace('1', "2"), repeat("a").replace('1', "2"), 0),
            (repeat("a\",\"b\":\"c"), repeat("a\",\"b\":\"c"), 0),
            (repeat("a\\"), repeat("a\\"), 0),
            (repeat("a").replace("\n\n", "\n"), repeat("a").replace("\n\n", "\n"), 0),
        ] {
            let (mut repeats, mut counter) = learned();
            assert_eq!(repeats.pass(frame.as_bytes(), &mut counter), left.as_bytes(), "{frame}");
            assert_eq!(counter.count(), count, "{frame}");
        }
    }

    #[test]
    fn the_text_is_the_first_that_is_not_empty() {
        let text = |event: &str| text(event.as_bytes()).map(|range| event[range].to_owned());
        assert_eq!(text("{\"content\":\"\",\"reasoning_content\": \"x\"}"), Some("x".to_owned()));
        assert_eq!(text("{\"content\":null,\"text\":\"x\"}"), Some("x".to_owned()));
        assert_eq!(text("{\"delta\":{\"role\":\"assistant\"}}"), None);
        assert_eq!(text("{\"content\":\"x"), None);
    }

    #[test]
    fn without_repeats_learning_stops() {
        let (mut repeats, counter) = (RepeatedEvents::default(), Counter::of(Shape::Chat));
        for _ in 0..PATIENCE {
            repeats.learn(FIRST.as_bytes(), &counter);
        }
        let mut counter = Counter::of(Shape::Chat);
        assert_eq!(repeats.pass(FIRST.as_bytes(), &mut counter), FIRST.as_bytes());
        assert_eq!(counter.count(), 0);
    }
}
