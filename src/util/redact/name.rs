//! Names of credentials, read from their last letter on.

use super::credential::{self, Kind};
use super::escape::unit_before;
use super::value::value;

/// Longer than any credential name that is compared as a whole.
const LONGEST_NAME: usize = 24;

/// Returns true if a member, parameter or header of this name holds a credential. The last word of the
/// name decides; case, `-`, `_`, and the number in names such as `api_key_2` are ignored.
pub(crate) fn is_credential(name: &str) -> bool {
    let mut word = Name::default();
    let is_in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let bytes = name.bytes().rev().take_while(is_in_word);
    bytes.take_while(|byte| word.push_front(*byte)).for_each(drop);
    word.is_one()
}

/// The value that the `:` or `=` at `at` assigns to the name of a credential. Nothing before
/// `floor` is read.
pub(super) fn named_value(text: &str, floor: usize, at: usize) -> Option<(usize, usize)> {
    if has_no_value(text.as_bytes(), at) || ends_otherwise(text.as_bytes(), at) {
        return None;
    }
    if let Some(kind) = kind_before(text, floor, at) {
        return value(text, at, kind);
    }
    let quote = quote_before(text, floor, at)?;
    kind_before(text, floor, quote).and_then(|kind| value(text, quote, kind))
}

/// Returns true if a quoted name is followed by a `:` at `at` and directly by a number or an object.
/// `false` means unknown.
fn has_no_value(text: &[u8], at: usize) -> bool {
    let Some([b':', first, ..]) = text.get(at..) else { return false };
    let is_quoted = at > 0 && matches!(text[at - 1], b'"' | b'\'');
    is_quoted && first.is_ascii_graphic() && !matches!(first, b'"' | b'\'' | b'\\' | b'[')
}

/// Returns true if the name before the separator at `at` ends like no credential's. `false` means
/// unknown.
fn ends_otherwise(text: &[u8], at: usize) -> bool {
    let mut before = text.get(..at).unwrap_or_default();
    if let [quoted @ .., b'"' | b'\''] = before {
        before = quoted;
        while let Some(quoted) = before.strip_suffix(b"\\") {
            before = quoted;
        }
    }
    let [.., letter, last] = before else { return false };
    // They may be part of an escape such as `\u0074`.
    let u = |back: usize| before.len().checked_sub(back).is_some_and(|at| before[at] == b'u');
    letter.is_ascii_alphabetic()
        && last.is_ascii_alphabetic()
        && !credential::may_end_name(letter.to_ascii_lowercase(), last.to_ascii_lowercase())
        && !u(5)
        && !u(6)
}

/// The start of the quote that only white space separates from `at`.
fn quote_before(text: &str, floor: usize, mut at: usize) -> Option<usize> {
    loop {
        let unit = unit_before(text, floor, at)?;
        let is_space = match unit.character {
            '"' | '\'' => return Some(unit.begin),
            '\\' => matches!(text.as_bytes().get(at - 1), Some(b'n' | b'r' | b't')),
            character => character.is_whitespace(),
        };
        if !is_space {
            return None;
        }
        at = unit.begin;
    }
}

/// The kind of the credential whose name ends at `end`.
fn kind_before(text: &str, floor: usize, end: usize) -> Option<Kind> {
    name_before(text, floor, end).is_one_of(|| has_hyphen_before(text, floor, end))
}

fn name_before(text: &str, floor: usize, end: usize) -> Name {
    let mut read = text.as_bytes().get(floor..end).unwrap_or_default();
    let mut name = Name::default();
    while let Some((byte, before)) = read.split_last() {
        match byte {
            b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {}
            // What looks like the start of the name may be the end of an escape.
            b'\\' => return escaped_name_before(text, floor, end),
            _ => break,
        }
        read = before;
        if !name.push_front(*byte) {
            let nearby = &read[read.len().saturating_sub(6)..];
            if nearby.windows(2).any(|pair| pair == b"\\u") {
                return escaped_name_before(text, floor, end);
            }
            break;
        }
    }
    name
}

/// Like [`name_before`], for names with escapes: reads character by character.
#[cold]
fn escaped_name_before(text: &str, floor: usize, at: usize) -> Name {
    let mut name = Name::default();
    for byte in word_before(text, floor, at) {
        if !name.push_front(byte) {
            break;
        }
    }
    name
}

/// Returns true if the word that ends at `at` has a `-`, as names of headers do and names in code do
/// not. Its length has no bound: the separator before the word ends the reading, so no word is read
/// for two separators.
#[cold]
fn has_hyphen_before(text: &str, floor: usize, at: usize) -> bool {
    word_before(text, floor, at).any(|byte| byte == b'-')
}

/// The characters of a name, the last one first.
fn word_before(text: &str, floor: usize, mut at: usize) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let unit = unit_before(text, floor, at)?;
        at = unit.begin;
        let byte = u8::try_from(unit.character).ok()?;
        (byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).then_some(byte)
    })
}

/// The end of a name in normalised form.
struct Name {
    letters: [u8; LONGEST_NAME],
    first: usize,
    /// A number follows the letters, as in `api_key_2`.
    is_numbered: bool,
}

impl Default for Name {
    fn default() -> Self {
        Self { letters: [0; LONGEST_NAME], first: LONGEST_NAME, is_numbered: false }
    }
}

impl Name {
    /// Returns false once the letters read are enough to decide.
    fn push_front(&mut self, byte: u8) -> bool {
        if matches!(byte, b'-' | b'_') {
            return true;
        }
        if byte.is_ascii_digit() && self.first == LONGEST_NAME {
            self.is_numbered = true;
            return true;
        }
        self.first -= 1;
        self.letters[self.first] = byte.to_ascii_lowercase();
        self.first > 0 && (self.first != LONGEST_NAME - 2 || self.may_be_one())
    }

    fn may_be_one(&self) -> bool {
        let [.., letter, last] = self.letters;
        credential::may_end_name(letter, last)
    }

    fn is_one(&self) -> bool {
        self.may_be_one() && credential::is_credential(self.letters(), self.is_numbered)
    }

    fn is_one_of(&self, has_hyphen: impl FnOnce() -> bool) -> Option<Kind> {
        self.is_one().then(|| Kind::of(self.letters(), has_hyphen))
    }

    fn letters(&self) -> &str {
        str::from_utf8(&self.letters[self.first..]).unwrap_or_default()
    }
}
