//! Where strings end.

/// The search for the quote that ends a string, over chunks in any split.
#[derive(Debug, Default)]
pub(super) struct StringEnd {
    /// The next byte of the string stands behind a backslash.
    escaped: bool,
}

impl StringEnd {
    /// Where the string that `at` is inside of ends in this chunk, and whether it does.
    pub(super) fn find(&mut self, chunk: &[u8], at: usize) -> (usize, bool) {
        let mut from = at;
        if self.escaped && from < chunk.len() {
            self.escaped = false;
            from += 1;
        }
        match find_quote(&chunk[from..]) {
            Some(length) => (from + length, true),
            None => {
                self.escaped = odd_backslashes(&chunk[from..]);
                (chunk.len(), false)
            }
        }
    }
}

/// The length of the string that `bytes` begin inside of.
///
/// Most strings are short: eight bytes at a time they are over before a vector search has begun.
#[inline]
pub(in crate::usage) fn find_quote(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 32;
    let mut passed = 0;
    while passed < SHORT
        && let Some(word) = bytes[passed..].first_chunk()
    {
        let hits = quotes(u64::from_le_bytes(*word));
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

/// Only quotes are searched for: one is escaped where an odd run of backslashes leads to it.
#[inline(never)]
fn find_far_quote(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let quote = from + memchr::memchr(b'"', &bytes[from..])?;
        if !odd_backslashes(&bytes[..quote]) {
            return Some(quote);
        }
        from = quote + 1;
    }
}

/// Has the lowest bit set in the high half of the first byte that is a quote; 0 where none is.
fn quotes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let differences = word ^ (ONES * b'"' as u64);
    differences.wrapping_sub(ONES) & !differences & (ONES << 7)
}

fn odd_backslashes(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}
