//! Skips a value and checks that it is JSON.

use super::Cursor;
use crate::json::is_scalar;
use crate::json::number::is_number;

/// The maximum nesting of arrays and objects, including the outermost: one bit of `Open::objects`
/// each.
const DEEPEST: u32 = u128::BITS;

impl<'a> Cursor<'a> {
    /// Skips `true`, `false`, `null` or a number.
    fn word(&mut self) -> Option<()> {
        let length = self.rest.iter().take_while(|byte| is_scalar(**byte)).count();
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        (matches!(word, b"true" | b"false" | b"null") || is_number(word)).then_some(())
    }

    /// Skips a value that is valid JSON (RFC 8259), except that the insides of strings are not
    /// checked: all readers agree on where a string ends. Returns it without surrounding white
    /// space.
    pub(crate) fn value(&mut self) -> Option<&'a [u8]> {
        self.spaces();
        let before = self.rest;
        let mut open = Open::default();
        loop {
            let byte = self.peek()?;
            let mut first = matches!(byte, b'{' | b'[');
            match byte {
                b'{' | b'[' => {
                    open.push(byte == b'{')?;
                    self.rest = &self.rest[1..];
                }
                b'"' => self.string().map(|_| ())?,
                _ => self.word()?,
            }
            // Continue to the next value, past the end of all values before it.
            loop {
                let Some(close) = open.close() else {
                    return Some(&before[..before.len() - self.rest.len()]);
                };
                if self.more(close, first)? {
                    if close == b'}' {
                        self.key()?;
                    }
                    break;
                }
                open.pop();
                first = false;
            }
        }
    }
}

/// The open brackets; the innermost is the lowest bit.
#[derive(Default)]
struct Open {
    objects: u128,
    depth: u32,
}

impl Open {
    fn push(&mut self, is_object: bool) -> Option<()> {
        self.objects = self.objects << 1 | u128::from(is_object);
        self.depth += 1;
        (self.depth <= DEEPEST).then_some(())
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    /// The closing bracket of the innermost.
    fn close(&self) -> Option<u8> {
        let close = if self.objects & 1 == 1 { b'}' } else { b']' };
        (self.depth > 0).then_some(close)
    }
}
