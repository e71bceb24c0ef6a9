//! Values whose names make them credentials.

use super::credential;
use super::escape::{skip_space, string_end, unit, unit_before};

/// Longer than any credential name that is compared as a whole.
const LONGEST_NAME: usize = 24;

/// The value after a name that ends at `at`: a quoted string or, after `=`, a word.
pub(super) fn value(text: &str, at: usize) -> Option<(usize, usize)> {
    let end = unit(text, at)?;
    let is_quoted = end.character == '"';
    let separator_at = if is_quoted { skip_space(text, end.end) } else { at };
    let separator = unit(text, separator_at).filter(|unit| matches!(unit.character, ':' | '='))?;
    let value_at = skip_space(text, separator.end);
    let first = unit(text, value_at)?;
    let (begin, end) = if first.character == '"' {
        (first.end, string_end(text, first.end, first.slashes))
    } else if separator.character == '=' && value_at == separator.end {
        (value_at, word_end(text, value_at))
    } else {
        return None;
    };
    (begin < end).then_some((begin, end))
}

/// The value of `key` in a URL's query, after the `?` or `&` at `at`.
pub(super) fn query_key(text: &str, at: usize) -> Option<(usize, usize)> {
    let begin = "key=".chars().try_fold(unit(text, at)?.end, |at, expected| {
        unit(text, at).filter(|unit| unit.character == expected).map(|unit| unit.end)
    })?;
    let end = word_end(text, begin);
    (begin < end).then_some((begin, end))
}

/// The end of an unquoted value.
fn word_end(text: &str, begin: usize) -> usize {
    let is_over = |c: char| c.is_whitespace() || "&\"'\\,;<>(){}[]".contains(c);
    let mut end = begin;
    while let Some(unit) = unit(text, end).filter(|unit| !is_over(unit.character)) {
        end = unit.end;
    }
    end
}

/// The value that the `:` or `=` at `at` assigns to the name of a credential. Nothing before
/// `floor` is read.
pub(super) fn named_value(text: &str, floor: usize, at: usize) -> Option<(usize, usize)> {
    if has_no_value(text.as_bytes(), at) || ends_otherwise(text.as_bytes(), at) {
        return None;
    }
    if is_name_before(text, floor, at) {
        return value(text, at);
    }
    let quote = quote_before(text, floor, at)?;
    is_name_before(text, floor, quote).then(|| value(text, quote))?
}

/// Returns true if something other than a string follows directly after a `:` at `at`. `false`
/// means unknown.
fn has_no_value(text: &[u8], at: usize) -> bool {
    match text.get(at..) {
        Some([b':', first, ..]) => first.is_ascii_graphic() && !matches!(first, b'"' | b'\\'),
        _ => false,
    }
}

/// Returns true if the name before the separator at `at` ends like no credential's. `false` means
/// unknown.
fn ends_otherwise(text: &[u8], at: usize) -> bool {
    let mut before = text.get(..at).unwrap_or_default();
    if let Some(quoted) = before.strip_suffix(b"\"") {
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
            '"' => return Some(unit.begin),
            '\\' => matches!(text.as_bytes().get(at - 1), Some(b'n' | b'r' | b't')),
            character => character.is_whitespace(),
        };
        if !is_space {
            return None;
        }
        at = unit.begin;
    }
}

/// Returns true if the name of a credential ends at `end`.
fn is_name_before(text: &str, floor: usize, end: usize) -> bool {
    let mut read = text.as_bytes().get(floor..end).unwrap_or_default();
    let mut name = Name::default();
    while let Some((byte, before)) = read.split_last() {
        match byte {
            b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {}
            // What looks like the start of the name may be the end of an escape.
            b'\\' => return is_escaped_name_before(text, floor, end),
            _ => break,
        }
        read = before;
        if !name.push_front(*byte) {
            let nearby = &read[read.len().saturating_sub(6)..];
            if nearby.windows(2).any(|pair| pair == b"\\u") {
                return is_escaped_name_before(text, floor, end);
            }
            break;
        }
    }
    name.is_one()
}

/// The same, character by character.
#[cold]
fn is_escaped_name_before(text: &str, floor: usize, mut at: usize) -> bool {
    let mut name = Name::default();
    while let Some(unit) = unit_before(text, floor, at)
        && let Ok(byte @ (b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')) =
            u8::try_from(unit.character)
        && name.push_front(byte)
    {
        at = unit.begin;
    }
    name.is_one()
}

/// The end of a name in normalised form, read from its last letter on.
struct Name {
    letters: [u8; LONGEST_NAME],
    first: usize,
}

impl Default for Name {
    fn default() -> Self {
        Self { letters: [0; LONGEST_NAME], first: LONGEST_NAME }
    }
}

impl Name {
    /// Returns false once the letters read are enough to decide.
    fn push_front(&mut self, byte: u8) -> bool {
        if matches!(byte, b'-' | b'_') {
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
        self.may_be_one()
            && str::from_utf8(&self.letters[self.first..]).is_ok_and(credential::is_credential)
    }
}
