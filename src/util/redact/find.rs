//! Finds what to replace without reading everything in between.
//!
//! An automaton over the prefixes of credentials finds where one may be, and `memchr` finds where a
//! name may be given a value. Only there is the text read character by character.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use memchr::memchr2;

use super::credential::{PREFIXES, base64, bearer, key_end};
use super::escape::{Unit, is_in_escape, is_letter_of_escape, run_begin, unit, unit_before};
use super::name::named_value;
use super::url::password;
use super::value::query_key;

pub(crate) const REDACTED: &str = "[REDACTED]";
pub(super) const SHORTENED: &str = "[SHORTENED]";

/// A part of the text to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) with: &'static str,
}

impl Found {
    fn credential((begin, end): (usize, usize)) -> Self {
        Self { begin, end, with: REDACTED }
    }
}

const QUERY_KEYS: [&str; 2] = ["?key=", "&key="];
/// The first letters of `bearer` and of `;base64,`, in any case.
const ANY_CASE: [&str; 2] = ["bea", ";ba"];
/// The start of an escaped ASCII character. Any character of a credential may be escaped.
const ESCAPE: &str = r"\u00";

/// The prefixes of keys, and the literals above.
static LITERALS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let prefixes = PREFIXES.iter().map(|(prefix, _)| *prefix);
    let exact = prefixes.chain(QUERY_KEYS).chain([ESCAPE]).map(str::to_owned);
    let literals = exact.chain(ANY_CASE.iter().flat_map(|literal| in_any_case(literal)));
    // Only leftmost matching uses SIMD.
    let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(literals);
    #[allow(clippy::expect_used, reason = "a few short constants, and every test builds it")]
    automaton.expect("an automaton of a few short words")
});

fn in_any_case(literal: &str) -> impl Iterator<Item = String> {
    (0..1_usize << literal.len()).map(move |upper| {
        let cased = |(at, letter): (usize, char)| {
            if upper >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        literal.chars().enumerate().map(cased).collect()
    })
}

/// The maximum length of a prefix.
const LONGEST_PREFIX: usize = 16;

/// Yields what to replace, from left to right.
pub(super) struct Finder<'t> {
    text: &'t str,
    /// Whether the text continues after its end.
    is_cut: bool,
    /// The end of the last match: the rest is read as if the text started here.
    floor: usize,
    literal: Next,
    separator: Next,
}

impl<'t> Finder<'t> {
    pub(super) fn new(text: &'t str, is_cut: bool) -> Self {
        Self { text, is_cut, floor: 0, literal: Next::From(0), separator: Next::From(0) }
    }

    /// The match that starts at a literal.
    fn at_literal(&self, at: usize) -> Option<Found> {
        if self.text.as_bytes().get(at) == Some(&b'\\') { self.around(at) } else { self.at(at) }
    }

    /// The match that starts at `at`, except a named value.
    fn at(&self, at: usize) -> Option<Found> {
        let Self { text, floor, is_cut, .. } = *self;
        if is_in_escape(text, floor, at) {
            return None;
        }
        let is_letter = is_letter_of_escape(text, floor, at);
        let is_word = is_letter
            || unit_before(text, floor, at)
                .is_none_or(|before| !before.character.is_ascii_alphanumeric());
        if let Some(end) = key_end(text, at, is_word, is_cut) {
            return Some(Found::credential((at, end)));
        }
        // A key may start with the letter of an escape such as `\n`; nothing else may.
        match unit(text, at).filter(|_| !is_letter)?.character {
            'b' | 'B' if is_word => bearer(text, at, is_cut).map(Found::credential),
            ';' => base64(text, at).map(|(begin, end)| Found { begin, end, with: SHORTENED }),
            // Google's key in a URL: elsewhere the word is too common.
            '?' | '&' => query_key(text, at).map(Found::credential),
            _ => None,
        }
    }

    /// The match with an escape in its first characters; the escape's last backslash is at `at`.
    fn around(&self, at: usize) -> Option<Found> {
        let Self { text, floor, .. } = *self;
        let begin = run_begin(text, floor, at + 1);
        let Unit { character, end, .. } = unit(text, begin)?;
        let is_escape = end > at + 1;
        if !is_escape || !character.is_ascii() {
            return None;
        }
        // The escape may stand for any of those characters, not only the first.
        let is_before = |at: &usize| {
            let byte = text.as_bytes().get(*at);
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_.?&;".contains(byte))
                && !is_in_escape(text, floor, *at)
        };
        let earliest = floor.max(begin.saturating_sub(LONGEST_PREFIX));
        let before = (earliest..begin).rev().take_while(is_before).count();
        let found = (begin - before..=begin).find_map(|at| self.at(at));
        let is_separator = matches!(character, ':' | '=');
        found.or_else(|| is_separator.then(|| self.at_separator(begin)).flatten())
    }

    /// The value after a separator, or the password in a URL.
    fn at_separator(&self, at: usize) -> Option<Found> {
        let found = password(self.text, at).or_else(|| named_value(self.text, self.floor, at));
        found.map(Found::credential)
    }
}

impl Iterator for Finder<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let bytes = self.text.as_bytes();
        loop {
            let literal = self.literal.get(|from| {
                LITERALS.find(Input::new(bytes).range(from..)).map(|found| found.start())
            });
            let separator = self
                .separator
                .get(|from| memchr2(b':', b'=', bytes.get(from..)?).map(|length| from + length));
            let found = match (literal, separator) {
                (None, None) => return None,
                (Some(at), separator) if separator.is_none_or(|separator| at < separator) => {
                    self.literal = Next::From(at + 1);
                    self.at_literal(at)
                }
                (_, Some(at)) => {
                    self.separator = Next::From(at + 1);
                    self.at_separator(at)
                }
                (Some(_), None) => return None,
            };
            if let Some(found) = found {
                self.floor = found.end;
                self.literal.go_on_from(found.end);
                self.separator.go_on_from(found.end);
                return Some(found);
            }
        }
    }
}

/// The next position to look at.
#[derive(Clone, Copy)]
enum Next {
    /// Not searched yet; not before this.
    From(usize),
    At(usize),
    Nowhere,
}

impl Next {
    fn get(&mut self, find: impl FnOnce(usize) -> Option<usize>) -> Option<usize> {
        if let Self::From(from) = *self {
            *self = find(from).map_or(Self::Nowhere, Self::At);
        }
        match *self {
            Self::At(at) => Some(at),
            Self::From(_) | Self::Nowhere => None,
        }
    }

    fn go_on_from(&mut self, end: usize) {
        if let Self::From(at) | Self::At(at) = *self
            && at < end
        {
            *self = Self::From(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_hides_another() {
        for (prefix, _) in PREFIXES {
            assert!((3..=LONGEST_PREFIX).contains(&prefix.len()), "{prefix}");
            // If two prefixes start at the same place, the automaton reports one. If one were
            // inside another, escapes after it would be found too late.
            for at in 0..prefix.len() {
                let literals = LITERALS.find_iter(&prefix[at..]).collect::<Vec<_>>();
                let is_at_end = |end: usize| at + end == prefix.len();
                assert!(literals.iter().all(|found| is_at_end(found.end())), "{prefix} {at}");
            }
        }
    }

    #[test]
    fn texts_full_of_candidates_take_linear_time() {
        // Quadratic time would take minutes.
        for part in [
            ":",
            " =",
            "\" :",
            "-_=",
            "\\:",
            "\\\":",
            "\\n:",
            "token:",
            "\"token\" :",
            "bea",
            "&key=",
            "\\u0073",
            "\\u003d",
            "k\\u003d",
            "://a:",
            "x-api-key: ",
            "authorization: digest ",
            "token='",
            "token=['a', ",
            "api_key_2",
            "12:",
            "bedrock-api-\\u006b",
            "password\\u006ba",
            "cookie:",
            "cookie::",
            "cookie:/",
        ] {
            for fill in ["", " ", "\\", "-"] {
                let fill = fill.repeat(1 << 17);
                let text = format!("\"token\"{fill}{}", part.repeat((1 << 17) / part.len()));
                let begun = std::time::Instant::now();
                Finder::new(&text, false).for_each(drop);
                assert!(begun.elapsed().as_secs() < 20, "{part}: {:?}", begun.elapsed());
            }
        }
    }

    #[test]
    fn there_are_few_enough_literals_for_simd() {
        let literals = LITERALS.patterns_len();
        assert!(literals <= 64 && LITERALS.min_pattern_len() >= 3, "{literals}");
    }
}
