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
/// Most strings are short: sixteen bytes at a time, they end before a vector search would start.
#[inline(always)]
pub(crate) fn find_quote(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 32;
    let mut passed = 0;
    while passed < SHORT
        && let Some(word) = bytes[passed..].first_chunk()
    {
        let hits = quotes(u128::from_le_bytes(*word));
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
        let quote = from + memchr::memchr(b'"', &bytes[from..])?;
        if !odd_backslashes(&bytes[..quote]) {
            return Some(quote);
        }
        from = quote + 1;
    }
}

/// The lowest set bit is in the first byte that is a quote; 0 if there is none.
fn quotes(word: u128) -> u128 {
    const ONES: u128 = u128::MAX / 0xff;
    let differences = word ^ (ONES * b'"' as u128);
    differences.wrapping_sub(ONES) & !differences & (ONES << 7)
}

fn odd_backslashes(before: &[u8]) -> bool {
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
            plain in 0_usize..70,
            mixed in "[\"\\\\!#\u{a2}\u{e2}]{0,40}",
            after in 0_usize..40,
        ) {
            let bytes = [&b"x".repeat(plain)[..], mixed.as_bytes(), &b"x".repeat(after)].concat();
            prop_assert_eq!(find_quote(&bytes), find(&bytes));
        }
    }
}
