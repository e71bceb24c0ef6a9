//! Finds the ends of strings.

use super::words::is;

/// Searches for the closing quote of a string, over chunks split anywhere.
#[derive(Debug, Default)]
pub(crate) struct StringEnd {
    /// Whether the next byte of the string follows a backslash.
    escaped: bool,
}

impl StringEnd {
    /// The end, in this chunk, of the string that `at` is inside of; and whether it ends.
    #[inline(always)]
    pub(crate) fn find(&mut self, chunk: &[u8], at: usize) -> (usize, bool) {
        let mut from = at;
        if self.escaped && from < chunk.len() {
            self.escaped = false;
            from += 1;
        }
        match find_quote(&chunk[from..]) {
            Some(length) => (from + length, true),
            None => {
                self.goes_on_behind(&chunk[from..]);
                (chunk.len(), false)
            }
        }
    }

    #[cold]
    fn goes_on_behind(&mut self, bytes: &[u8]) {
        self.escaped = odd_backslashes(bytes);
    }
}

/// The length of the string whose inside `bytes` start with.
///
/// Most strings are short: keys end within the first steps, of eight bytes each.
#[inline(always)]
pub(crate) fn find_quote(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 24;
    let mut passed = 0;
    while passed < SHORT
        && let Some(word) = bytes[passed..].first_chunk()
    {
        let hits = is(u64::from_le_bytes(*word), b'"');
        if hits != 0 {
            let quote = passed + hits.trailing_zeros() as usize / 8;
            match bytes[..quote].last() {
                Some(b'\\') => break,
                _ => return Some(quote),
            }
        }
        passed += word.len();
    }
    find_far_quote(bytes, passed)
}

/// The number of bytes that are searched at once.
const BLOCK: usize = 32;

/// A block and the two bytes before it.
type Window = [u8; 2 + BLOCK];

/// Passes over blocks without a quote, or with escaped ones alone.
#[inline(never)]
fn find_far_quote(bytes: &[u8], from: usize) -> Option<usize> {
    /// In text with quotes the next is near, and a vector search takes as long to start as this one
    /// takes for so many blocks.
    const NEAR: u32 = 4;
    let mut plain = 0;
    let mut rest = &bytes[from.saturating_sub(2)..];
    while let Some(window) = rest.first_chunk::<{ 2 + BLOCK }>() {
        if !has_quote(window) {
            plain += 1;
        } else if may_end(window)
            && let Some(quote) = end_within(bytes, bytes.len() - rest.len() + 2, &window[2..])
        {
            return Some(quote);
        } else {
            plain = 0;
        }
        rest = &rest[BLOCK..];
        if plain == NEAR {
            rest = &rest[memchr::memchr(b'"', &rest[2..])?..];
            plain = 0;
        }
    }
    end_within(bytes, bytes.len() - rest.len(), rest)
}

/// Returns true if the block has a quote. The compiler makes two comparisons of it.
#[inline(always)]
fn has_quote(window: &Window) -> bool {
    window[2..].iter().fold(false, |any, byte| any | (*byte == b'"'))
}

/// Returns false if each quote in the block is behind one backslash and no more. The compiler makes six
/// comparisons of it.
#[inline(always)]
fn may_end(window: &Window) -> bool {
    let is = |at: usize, byte| window[at] == byte;
    (0..BLOCK)
        .fold(false, |any, at| any | (is(at + 2, b'"') & (!is(at + 1, b'\\') | is(at, b'\\'))))
}

/// The first quote in this part of `bytes` that is not escaped: one that an even number of backslashes
/// precedes.
#[inline(always)]
fn end_within(bytes: &[u8], mut start: usize, part: &[u8]) -> Option<usize> {
    let is_end = |quote: usize| bytes[quote] == b'"' && !odd_backslashes(&bytes[..quote]);
    let (words, rest) = part.as_chunks();
    for word in words {
        let mut hits = is(u64::from_le_bytes(*word), b'"');
        while hits != 0 {
            let quote = start + hits.trailing_zeros() as usize / 8;
            if is_end(quote) {
                return Some(quote);
            }
            hits &= hits - 1;
        }
        start += word.len();
    }
    (start..start + rest.len()).find(|quote| is_end(*quote))
}

#[inline]
fn odd_backslashes(before: &[u8]) -> bool {
    match before {
        [.., b'\\', b'\\'] => count_is_odd(before),
        [.., last] => *last == b'\\',
        [] => false,
    }
}

#[cold]
fn count_is_odd(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The straightforward implementation.
    fn find(bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            match bytes.get(at)? {
                b'"' => return Some(at),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_end_of_a_string_is_found(
            plain in 0_usize..200,
            mixed in "[\"\\\\!#\u{a2}\u{e2}]{0,40}",
            after in 0_usize..40,
        ) {
            let bytes = [&b"x".repeat(plain)[..], mixed.as_bytes(), &b"x".repeat(after)].concat();
            prop_assert_eq!(find_quote(&bytes), find(&bytes));
        }
    }
}
