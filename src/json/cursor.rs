//! A cursor over a JSON text in memory.

#[cfg(test)]
mod tests;
mod value;

use super::quote::find_quote;
use super::{is_scalar, is_space, string};

/// So many digits fit into 64 bits, whatever they are.
const MOST_DIGITS: usize = 19;

/// Moves from one value to the next. `None` means malformed or truncated.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(json: &'a [u8]) -> Self {
        Self { rest: json }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_at_object(&self) -> bool {
        self.rest.first() == Some(&b'{')
    }

    pub(crate) fn is_at_array(&self) -> bool {
        self.rest.first() == Some(&b'[')
    }

    /// The next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.spaces();
        self.rest.first().copied()
    }

    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Skips `byte` if it is next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.rest = &self.rest[usize::from(is_next)..];
        is_next
    }

    /// Returns whether another item follows in an array or object. Skips the end, or the comma
    /// before an item that is not the `first`. `None` if neither is there.
    pub(crate) fn more(&mut self, close: u8, first: bool) -> Option<bool> {
        if self.take(close) {
            return Some(false);
        }
        (first || self.take(b',')).then_some(true)
    }

    /// Skips a key and its colon. Returns the inside of the key as written.
    pub(crate) fn key(&mut self) -> Option<&'a [u8]> {
        self.spaces();
        let key = self.string()?;
        self.take(b':').then_some(key)
    }

    /// Calls `each` at every element of an array; `each` must skip it.
    pub(crate) fn elements(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.items([b'[', b']'], each)
    }

    /// Like [`elements`](Self::elements), for elements that are objects; others are skipped.
    pub(crate) fn objects(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.elements(|element| if element.is_at_object() { each(element) } else { element.skip() })
    }

    /// Calls `each` with the inside of every key of an object; `each` must skip the value.
    pub(crate) fn members(
        &mut self,
        mut each: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.items([b'{', b'}'], |cursor| {
            let key = cursor.string()?;
            cursor.spaces();
            cursor.punctuation(b':')?;
            each(key, cursor)
        })
    }

    #[inline(always)]
    fn items(
        &mut self,
        [open, close]: [u8; 2],
        mut each: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.punctuation(open)?;
        if *self.rest.first()? == close {
            self.rest = &self.rest[1..];
            return Some(());
        }
        loop {
            each(self)?;
            self.spaces();
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match *byte {
                b',' => self.spaces(),
                byte => return (byte == close).then_some(()),
            }
        }
    }

    /// Reads a non-negative integer, or the maximum if it is too large. Skips any other value.
    #[inline(always)]
    pub(crate) fn number(&mut self) -> Option<Option<u64>> {
        let (mut number, mut rest) = (0_u64, self.rest);
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            rest = after;
        }
        let next = *rest.first()?;
        let digits = self.rest.len() - rest.len();
        // The usual ends first.
        if digits == 0 || !matches!(next, b',' | b'}') && is_scalar(next) {
            return self.no_number();
        }
        if digits > MOST_DIGITS {
            number = saturated(&self.rest[..digits]);
        }
        self.rest = rest;
        Some(Some(number))
    }

    #[cold]
    fn no_number(&mut self) -> Option<Option<u64>> {
        self.skip().map(|()| None)
    }

    /// Skips a value and returns it as written.
    pub(crate) fn raw(&mut self) -> Option<&'a [u8]> {
        let before = self.rest;
        self.skip()?;
        Some(&before[..before.len() - self.rest.len()])
    }

    /// Skips a value; in nested ones it only counts brackets.
    pub(crate) fn skip(&mut self) -> Option<()> {
        match self.rest.first()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.nested(),
            _ => {
                let length = self.rest.iter().position(|byte| !is_scalar(*byte))?;
                self.rest = &self.rest[length..];
                (length > 0).then_some(())
            }
        }
    }

    /// Skips a string and returns its inside.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        let inside = self.rest.strip_prefix(b"\"")?;
        let length = find_quote(inside)?;
        self.rest = &inside[length + 1..];
        Some(&inside[..length])
    }

    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.rest.first()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.rest = &self.rest[1..];
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Skips this byte and the spaces after it.
    fn punctuation(&mut self, expected: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[expected])?;
        self.spaces();
        Some(())
    }

    /// Skips spaces; usually there are none.
    #[inline(always)]
    fn spaces(&mut self) {
        if self.rest.first().is_some_and(|byte| *byte <= b' ') {
            self.rest = behind_spaces(self.rest);
        }
    }
}

#[cold]
fn behind_spaces(mut rest: &[u8]) -> &[u8] {
    while let [byte, after @ ..] = rest
        && is_space(*byte)
    {
        rest = after;
    }
    rest
}

/// The number of these digits, or the maximum if it is too large.
#[cold]
fn saturated(digits: &[u8]) -> u64 {
    let add =
        |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    digits.iter().fold(0, add)
}

/// The members of an object that a cursor has validated: keys without quotes, and values, as
/// written. `None` for any other value.
pub(crate) fn members(value: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut members = Vec::new();
    Cursor::new(value).members(|key, value| {
        members.push((key, value.raw()?));
        Some(())
    })?;
    Some(members)
}

/// The text of a string that a cursor has validated. `None` for any other value.
pub(crate) fn text(value: &[u8]) -> Option<String> {
    string::decode(value.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}
