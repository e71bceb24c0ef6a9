//! Where strings end.

/// The search for the quote that ends a string, over chunks in any split.
#[derive(Debug, Default)]
pub(super) struct StringEnd {
    /// The next byte of the string stands behind a backslash.
    escaped: bool,
}

impl StringEnd {
    /// Where the string that `at` is inside of ends in this chunk, and whether it does.
    ///
    /// Only quotes are searched for: one is escaped where an odd run of backslashes leads to it.
    pub(super) fn find(&mut self, chunk: &[u8], at: usize) -> (usize, bool) {
        let mut from = at;
        if self.escaped && from < chunk.len() {
            self.escaped = false;
            from += 1;
        }
        loop {
            let Some(length) = memchr::memchr(b'"', &chunk[from..]) else {
                self.escaped = odd_backslashes(&chunk[from..]);
                return (chunk.len(), false);
            };
            let quote = from + length;
            if !odd_backslashes(&chunk[from..quote]) {
                return (quote, true);
            }
            from = quote + 1;
        }
    }
}

fn odd_backslashes(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}
