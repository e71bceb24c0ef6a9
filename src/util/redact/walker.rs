//! The first version of redaction: a walk from character to character. It is slow but easy to
//! follow, so the tests compare the search with it.

use super::credential::{Kind, base64, bearer, is_credential, key_end};
use super::escape::unit;
use super::find::{REDACTED, SHORTENED};
use super::url::password;
use super::value::{query_key, value};

/// Longer than any credential name.
const LONGEST_NAME: usize = 64;

/// The text with all replacements made.
pub(super) fn walk(text: &str, is_cut: bool) -> String {
    let mut clean = Clean { text, done: 0, out: String::new() };
    let mut name = Name::default();
    let mut is_word = true;
    let mut at = 0;
    while let Some(unit) = unit(text, at) {
        if let Some(end) = key_end(text, at, is_word, is_cut) {
            clean.replace(at, end, REDACTED);
            (at, is_word) = (end, true);
            name.clear();
            continue;
        }
        let found = match unit.character {
            'b' | 'B' if is_word => {
                bearer(text, at, is_cut).map(|(begin, end)| (begin, end, REDACTED))
            }
            ';' => base64(text, at).map(|(begin, end)| (begin, end, SHORTENED)),
            '?' | '&' => query_key(text, at).map(|(begin, end)| (begin, end, REDACTED)),
            '"' | '\'' | ':' | '=' => name
                .kind()
                .and_then(|kind| value(text, at, kind).map(|(begin, end)| (begin, end, REDACTED))),
            _ => None,
        };
        let url = Some(()).filter(|()| unit.character == ':').and_then(|()| password(text, at));
        let found = url.map(|(begin, end)| (begin, end, REDACTED)).or(found);
        if let Some((begin, end, with)) = found {
            clean.replace(begin, end, with);
            (at, is_word) = (end, true);
            name.clear();
            continue;
        }
        at = unit.end;
        // The letter of an escape such as `\n` belongs to no word, unless a key starts with it.
        if unit.character == '\\'
            && matches!(text.as_bytes().get(at), Some(b'b' | b'f' | b'n' | b'r' | b't'))
            && key_end(text, at, true, is_cut).is_none()
        {
            at += 1;
        }
        is_word = !unit.character.is_ascii_alphanumeric();
        name.push(unit.character);
    }
    clean.out.push_str(text.get(clean.done..).unwrap_or_default());
    clean.out
}

/// The current word in normalised form.
#[derive(Default)]
struct Name {
    letters: String,
    has_hyphen: bool,
}

impl Name {
    fn push(&mut self, character: char) {
        match character {
            '-' => self.has_hyphen = true,
            '_' => {}
            c if c.is_ascii_alphanumeric() => {
                if self.letters.len() == LONGEST_NAME {
                    self.letters.drain(..LONGEST_NAME / 2);
                }
                self.letters.push(c.to_ascii_lowercase());
            }
            _ => self.clear(),
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    /// The kind of the credential that it names. Its number does not count.
    fn kind(&self) -> Option<Kind> {
        let name = self.letters.trim_end_matches(|c: char| c.is_ascii_digit());
        is_credential(name, name != self.letters).then(|| Kind::of(name, || self.has_hyphen))
    }
}

struct Clean<'a> {
    text: &'a str,
    done: usize,
    out: String,
}

impl Clean<'_> {
    fn replace(&mut self, begin: usize, end: usize, with: &str) {
        self.out.push_str(self.text.get(self.done..begin).unwrap_or_default());
        self.out.push_str(with);
        self.done = end;
    }
}

/// Returns true if the first version took a member of this name for a credential.
pub(super) fn is_member(name: &str) -> bool {
    let mut word = Name::default();
    name.chars().for_each(|character| word.push(character));
    word.kind().is_some()
}

mod tests;
