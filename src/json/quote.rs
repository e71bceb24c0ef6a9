//! Finds the ends of strings.

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

/// Searches for quotes only: a quote is escaped if an odd number of backslashes precedes it.
#[inline(never)]
fn find_far_quote(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let quote = next_quote(bytes, from)?;
        if !odd_backslashes(&bytes[..quote]) {
            return Some(quote);
        }
        from = quote + 1;
    }
}

/// The next quote, escaped or not. In text with quotes the next is near, and a vector search takes
/// as long to start as this one takes for its blocks.
#[inline(always)]
fn next_quote(bytes: &[u8], from: usize) -> Option<usize> {
    const NEAR: usize = 128;
    let (mut at, far) = (from, from + NEAR);
    while at < far
        && let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>)
    {
        // The compiler makes one comparison of the fold.
        if block.iter().fold(false, |any, byte| any | (*byte == b'"')) {
            let both = u128::from_le_bytes(*block);
            let (low, high) = (quotes(both as u64), quotes((both >> 64) as u64));
            let (half, hits) = if low == 0 { (8, high) } else { (0, low) };
            return Some(at + half + hits.trailing_zeros() as usize / 8);
        }
        at += block.len();
    }
    memchr::memchr(b'"', bytes.get(at..)?).map(|quote| at + quote)
}

/// The lowest set bit is in the first byte that is a quote; 0 if there is none.
fn quotes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let differences = word ^ (ONES * b'"' as u64);
    differences.wrapping_sub(ONES) & !differences & (ONES << 7)
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
