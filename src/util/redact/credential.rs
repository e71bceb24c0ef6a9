//! The forms of credentials.

use super::escape::{Unit, skip_space, unit};

/// How many characters of a word decide whether it is a key.
pub(super) const LOOK_AHEAD: usize = 64;
/// After a letter or digit, a key must have the length of real keys and contain a digit: `risk-` is
/// a word.
const SURE: usize = 16;

/// The prefixes of keys, and how many characters must follow.
pub(super) const PREFIXES: [(&str, usize); 25] = [
    ("sk-", 6),
    ("sk_", 16),
    ("rk-", 16),
    ("xai-", 8),
    ("gsk_", 8),
    ("csk-", 8),
    ("rk_", 16),
    ("hf_", 16),
    ("r8_", 16),
    ("fw_", 16),
    ("pplx-", 12),
    ("nvapi-", 12),
    ("AIza", 12),
    ("AQ.", 20),
    ("ya29.", 12),
    ("AKIA", 12),
    ("ASIA", 12),
    ("ABSK", 20),
    ("bedrock-api-key-", 16),
    ("tgp_v1_", 16),
    ("api_org_", 16),
    ("ghp_", 16),
    ("github_pat_", 16),
    ("xox", 12),
    // A JSON object in base64: the header of a signed token.
    ("eyJ", 16),
];

pub(super) const NAMES: [&str; 12] = [
    "token",
    "accesstoken",
    "refreshtoken",
    "auth",
    "xauth",
    "pwd",
    "cookie",
    "setcookie",
    "credential",
    "credentials",
    "sessionid",
    "xamzsecuritytoken",
];

/// Names with these endings are credentials.
pub(super) const ENDINGS: [&str; 14] = [
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "idtoken",
    "sessiontoken",
    "apitoken",
    "subscriptionkey",
    "functionskey",
    "secret",
    "authorization",
];

pub(super) const PASSWORDS: [&str; 3] = ["password", "passwd", "passphrase"];

/// What may follow the name of a credential without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word after `=`. After `:`, it may be prose or a type: `api_key: str`.
    Member,
    /// The value of a header, after `:` too.
    Header,
    /// The same, with the scheme before it.
    Authorization,
    /// Pairs of names and values.
    Cookie,
}

impl Kind {
    /// The kind of a credential of this name, in the form of [`is_credential`]. `has_hyphen`: as
    /// names of headers have, and names in code have not.
    pub(super) fn of(name: &str, has_hyphen: impl FnOnce() -> bool) -> Self {
        match name {
            "cookie" | "setcookie" => Self::Cookie,
            _ if name.ends_with("authorization") => Self::Authorization,
            _ if has_hyphen() => Self::Header,
            _ => Self::Member,
        }
    }
}

/// Returns true if a member of this name holds a credential. `name` is in lower case, without `-`,
/// `_` and the number at its end. `is_numbered`: it has one, as in `api_key_2`; but `token_2` is a
/// word.
pub(super) fn is_credential(name: &str, is_numbered: bool) -> bool {
    // Compare from the last letter on, where most names differ: a `memcmp` call would take longer.
    let ends_so = |ending: &str| {
        let mut letters = name.bytes().rev().zip(ending.bytes().rev());
        name.len() >= ending.len() && letters.all(|(a, b)| a == b)
    };
    let ends = |endings: &[&str]| endings.iter().any(|ending| ends_so(ending));
    !is_numbered && NAMES.contains(&name) || ends(&ENDINGS) || ends(&PASSWORDS)
}

/// For each letter, a bit set of the letters that may precede it at the end of a credential's name.
static LAST_LETTERS: [u32; 256] = {
    const fn note(names: &[&str], before: &mut [u32; 256]) {
        let mut at = 0;
        while at < names.len() {
            if let [.., letter, last] = names[at].as_bytes() {
                before[*last as usize] |= 1 << (*letter - b'a');
            }
            at += 1;
        }
    }
    let mut before = [0; 256];
    note(&NAMES, &mut before);
    note(&ENDINGS, &mut before);
    note(&PASSWORDS, &mut before);
    before
};

/// Returns true if a credential's name may end with these two lower-case letters. Most names do
/// not.
pub(super) fn may_end_name(letter: u8, last: u8) -> bool {
    letter.is_ascii_lowercase() && LAST_LETTERS[usize::from(last)] >> (letter - b'a') & 1 == 1
}

/// Returns true if a word may be a key or the start of one: it is better to hide a name than to
/// show a key.
#[cfg(feature = "config")]
pub(crate) fn begins_as_key(word: &str) -> bool {
    let is_key = |(prefix, least): &(&str, usize)| {
        word.strip_prefix(prefix).is_some_and(|body| body.len() >= least / 2)
    };
    PREFIXES.iter().any(is_key)
}

/// The end of the key that starts at `at`. `is_word`: no letter or digit precedes it. `is_cut`: the
/// text continues after its end, so the key may be short.
pub(super) fn key_end(text: &str, at: usize, is_word: bool, is_cut: bool) -> Option<usize> {
    let first = unit(text, at)?.character;
    PREFIXES.iter().filter(|(prefix, _)| prefix.starts_with(first)).find_map(|(prefix, least)| {
        let begin = after(text, at, prefix, |a, b| a == b)?;
        // Amazon's keys are base64.
        let is_base64 = matches!(*prefix, "ABSK" | "bedrock-api-key-");
        let is_key = |c: char| {
            c.is_ascii_alphanumeric()
                || matches!(c, '-' | '_' | '.')
                || is_base64 && matches!(c, '+' | '/' | '=')
        };
        let body = Run::new(text, begin, is_key);
        let is_enough =
            if is_word { body.length >= *least } else { body.length >= SURE && body.has_digit };
        let goes_on = is_word && is_cut && body.length > 0 && body.end == text.len();
        (is_enough || goes_on).then(|| run_end(text, body.end, is_key))
    })
}

/// The token after `Bearer`.
pub(super) fn bearer(text: &str, at: usize, is_cut: bool) -> Option<(usize, usize)> {
    let word = after(text, at, "bearer", |a, b| a.eq_ignore_ascii_case(&b))?;
    let begin = skip_space(text, word);
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    let body = Run::new(text, begin, is_token);
    let goes_on = is_cut && body.length > 0 && body.end == text.len();
    (begin > word && (body.length >= 6 || goes_on))
        .then(|| (begin, run_end(text, body.end, is_token)))
}

/// The data of a long data URL that has `;base64,` at `at`.
pub(super) fn base64(text: &str, at: usize) -> Option<(usize, usize)> {
    let begin = after(text, at, ";base64,", |a, b| a.eq_ignore_ascii_case(&b))?;
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    let body = Run::new(text, begin, is_base64);
    (body.length == LOOK_AHEAD).then(|| (begin, run_end(text, body.end, is_base64)))
}

/// The end of `expected`, if the text has it at `at`.
pub(super) fn after(
    text: &str,
    mut at: usize,
    expected: &str,
    same: fn(char, char) -> bool,
) -> Option<usize> {
    for expected in expected.chars() {
        let unit = unit(text, at).filter(|unit| same(unit.character, expected))?;
        at = unit.end;
    }
    Some(at)
}

/// The first characters of a kind, at most [`LOOK_AHEAD`]: a text full of key prefixes must not be
/// read over and over.
struct Run {
    length: usize,
    has_digit: bool,
    end: usize,
}

impl Run {
    fn new(text: &str, at: usize, belongs: impl Fn(char) -> bool) -> Self {
        let mut run = Self { length: 0, has_digit: false, end: at };
        while run.length < LOOK_AHEAD
            && let Some(Unit { character, end, .. }) = unit(text, run.end)
            && belongs(character)
        {
            run.length += 1;
            run.has_digit |= character.is_ascii_digit();
            run.end = end;
        }
        run
    }
}

fn run_end(text: &str, mut at: usize, belongs: impl Fn(char) -> bool) -> usize {
    while let Some(unit) = unit(text, at).filter(|unit| belongs(unit.character)) {
        at = unit.end;
    }
    at
}

/// One key per prefix.
#[cfg(test)]
pub(crate) fn samples() -> impl Iterator<Item = String> {
    PREFIXES.iter().map(|(prefix, _)| format!("{prefix}4f0123456789abcdef0123"))
}

/// The names of credentials.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain(ENDINGS).chain(PASSWORDS)
}

#[cfg(test)]
mod tests;
