//! Skips objects and arrays.

use super::quote::StringEnd;

/// The nesting at the end of a chunk. The default is before the opening bracket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nested {
    depth: u32,
    in_string: bool,
}

/// An object or array that begins and ends in a chunk. Once a reader has found its end, others of the
/// same chunk need not search for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Behind the opening bracket.
    start: usize,
    /// Behind the closing bracket.
    end: usize,
}

impl Passed {
    /// This one or the other, whichever is longer.
    pub(super) fn or_longer(self, start: usize, end: usize) -> Self {
        if end - start > self.end - self.start { Self { start, end } } else { self }
    }

    /// Where the value ends that a reader has entered at `at`, if it is this one.
    pub(super) fn end_from(self, at: usize, nested: Nested) -> Option<usize> {
        let is_it = at == self.start && at < self.end && nested == Nested::OPENED;
        is_it.then_some(self.end)
    }
}

impl Nested {
    /// After the opening bracket.
    pub(crate) const OPENED: Self = Self { depth: 1, in_string: false };

    /// Where it ends in this chunk, or the chunk's length; and whether it ends.
    #[inline]
    pub(crate) fn pass(
        &mut self,
        string: &mut StringEnd,
        chunk: &[u8],
        mut at: usize,
    ) -> (usize, bool) {
        while at < chunk.len() {
            if self.in_string {
                let (end, closed) = string.find(chunk, at);
                self.in_string = !closed;
                at = end + usize::from(closed);
                // Usually another string follows.
                if closed && let [b':' | b',', b'"', ..] = chunk[at..] {
                    self.in_string = true;
                    at += 2;
                }
                continue;
            }
            match chunk[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        (at, false)
    }
}
