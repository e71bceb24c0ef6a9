//! Events that repeat one that does not matter, but for the text in them.
//!
//! Most events of a stream do. Two comparisons and a look at the text recognise them; the search for
//! words would go through each of them several times. The text cannot matter, whatever words are in
//! it: it is the inside of one string, under a key that is read for no name.

use std::ops::Range;

use super::count::Counter;
use crate::json::quote::find_quote;

/// The keys that the text of a stream stands under, without their first quote: one that ends like
/// them is as good.
const KEYS: [&[u8]; 6] =
    [b"content\":", b"text\":", b"delta\":", b"thinking\":", b"arguments\":", b"partial_json\":"];
/// Longer events are not kept, for their text is not what there is to pass over.
const LONGEST: usize = 1024;
/// After so many events in a row that no repeat followed, no more are learned.
const PATIENCE: u8 = 8;

#[derive(Debug, Default)]
pub(super) struct RepeatedEvents {
    /// One event with its blank line; empty where none is known.
    event: Vec<u8>,
    /// Where its text stands in it.
    text: Range<usize>,
    /// How often the word of the counter stands in it.
    words: u64,
    /// Events learned since the last repeat.
    misses: u8,
}

impl RepeatedEvents {
    /// Passes over the repeats that `frame` begins with, counts their words, and returns the rest.
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

    /// `passed` begins with an event that does not matter.
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

/// With the quote behind the text, there would be one more word to count.
fn ends_a_word(text: &[u8], counter: &Counter) -> bool {
    let word = counter.inside();
    // For most texts the last letter is enough.
    text.last() == word.last() && text.ends_with(word)
}

/// A line end would end the event's line, and so the string.
fn is_one_line(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte >= b' ')
}

/// The first text in an event that is not empty.
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
    fn where_no_repeats_come_none_are_expected() {
        let (mut repeats, counter) = (RepeatedEvents::default(), Counter::of(Shape::Chat));
        for _ in 0..PATIENCE {
            repeats.learn(FIRST.as_bytes(), &counter);
        }
        let mut counter = Counter::of(Shape::Chat);
        assert_eq!(repeats.pass(FIRST.as_bytes(), &mut counter), FIRST.as_bytes());
        assert_eq!(counter.count(), 0);
    }
}
