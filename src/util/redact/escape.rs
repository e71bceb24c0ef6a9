//! Text as JSON sees it, at any nesting of strings within strings.

/// One character of a text, or backslashes that belong to no escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) character: char,
    /// The number of backslashes before it.
    pub(super) slashes: usize,
    /// Its end in the text.
    pub(super) end: usize,
}

/// The unit at `at`, which is not the end of the text.
pub(super) fn unit(text: &str, at: usize) -> Option<Unit> {
    let rest = text.get(at..)?;
    let first = rest.chars().next()?;
    if first != '\\' {
        return Some(Unit { character: first, slashes: 0, end: at + first.len_utf8() });
    }
    let bytes = rest.as_bytes();
    let slashes = bytes.iter().take_while(|byte| **byte == b'\\').count();
    let (character, length) = match bytes.get(slashes) {
        Some(b'"') => ('"', 1),
        Some(b'/') => ('/', 1),
        Some(b'u') => match rest.get(slashes + 1..slashes + 5).and_then(unicode) {
            Some(character) => (character, 5),
            None => ('\\', 0),
        },
        _ => ('\\', 0),
    };
    Some(Unit { character, slashes, end: at + slashes + length })
}

/// What precedes a position, and where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) character: char,
    pub(super) begin: usize,
}

/// The unit that ends at `at`; a backslash if that follows an escape such as `\n`. `None` if `at`
/// is `floor`: nothing before `floor` is read.
pub(super) fn unit_before(text: &str, floor: usize, at: usize) -> Option<Before> {
    let read = text.get(floor..at)?;
    let last = *read.as_bytes().last()?;
    Some(match last {
        b'\\' => Before { character: '\\', begin: run_begin(text, floor, at) },
        b'"' | b'/' => {
            Before { character: char::from(last), begin: run_begin(text, floor, at - 1) }
        }
        b'b' | b'f' | b'n' | b'r' | b't' if is_letter_of_escape(text, floor, at - 1) => {
            unit_before(text, floor, at - 1)?
        }
        _ => match unicode_before(text, floor, at) {
            Some(before) => before,
            None => {
                let character = read.chars().next_back()?;
                Before { character, begin: at - character.len_utf8() }
            }
        },
    })
}

/// Returns true if `at` is the letter of an escape such as `\n`, which is not part of a word.
pub(super) fn is_letter_of_escape(text: &str, floor: usize, at: usize) -> bool {
    let bytes = text.as_bytes();
    let is_letter = matches!(bytes.get(at), Some(b'b' | b'f' | b'n' | b'r' | b't'));
    is_letter
        && at > floor
        && (bytes.get(at - 1) == Some(&b'\\')
            || unicode_before(text, floor, at).is_some_and(|before| before.character == '\\'))
}

/// Returns true if `at` is the `u` or a digit of an escape such as `\u0022`.
pub(super) fn is_in_escape(text: &str, floor: usize, at: usize) -> bool {
    let end_of = |u: usize| unicode_before(text, floor, u + 5).is_some();
    (at.saturating_sub(4)..=at).any(|u| text.as_bytes().get(u) == Some(&b'u') && end_of(u))
}

/// The escape such as `\u0022` that ends at `at`.
fn unicode_before(text: &str, floor: usize, at: usize) -> Option<Before> {
    let (bytes, u) = (text.as_bytes(), at.checked_sub(5)?);
    if u <= floor || bytes.get(u) != Some(&b'u') || bytes.get(u - 1) != Some(&b'\\') {
        return None;
    }
    let character = unicode(text.get(u + 1..at)?)?;
    Some(Before { character, begin: run_begin(text, floor, u) })
}

/// The start of the backslashes that end at `end`.
pub(super) fn run_begin(text: &str, floor: usize, end: usize) -> usize {
    let bytes = text.as_bytes().get(floor..end).unwrap_or_default();
    end - bytes.iter().rev().take_while(|byte| **byte == b'\\').count()
}

/// Half of a surrogate pair becomes any character that no credential contains.
fn unicode(digits: &str) -> Option<char> {
    let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let code = u32::from_str_radix(digits?, 16).ok()?;
    Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// The end of the white space at `at`, including escaped line ends and tabs.
pub(super) fn skip_space(text: &str, mut at: usize) -> usize {
    while let Some(unit) = unit(text, at) {
        at = match unit.character {
            '\\' if matches!(text.as_bytes().get(unit.end), Some(b'n' | b'r' | b't')) => {
                unit.end + 1
            }
            space if space.is_whitespace() => unit.end,
            _ => break,
        };
    }
    at
}

/// The end of the inside of a string that was opened by a quote after `opening` backslashes; the
/// end of the text if it is never closed.
pub(super) fn string_end(text: &str, mut at: usize, opening: usize) -> usize {
    while let Some(unit) = unit(text, at) {
        let level = level(unit.slashes);
        // A quote of an outer string also ends the inner one.
        if unit.character == '"' && level <= self::level(opening) {
            let of_quote = (1 << level) - 1;
            return at + unit.slashes - of_quote;
        }
        at = unit.end;
    }
    text.len()
}

/// The nesting of a quote after this many backslashes: each level doubles them and adds one.
fn level(slashes: usize) -> u32 {
    slashes.trailing_ones()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_one_character_at_any_depth() {
        for (text, character, slashes) in [
            ("a", 'a', 0),
            ("\u{e9}", '\u{e9}', 0),
            (r"\u0061", 'a', 1),
            (r"\\\u0061", 'a', 3),
            (r#"\""#, '"', 1),
            (r"\u0022", '"', 1),
            (r"\/", '/', 1),
            (r"\ud83d", char::REPLACEMENT_CHARACTER, 1),
        ] {
            assert_eq!(unit(text, 0), Some(Unit { character, slashes, end: text.len() }), "{text}");
        }
        for text in [r"\n", r"\u00g1", r"\u12", "\\", "\\u\u{e9}\u{e9}", "\\\u{e9}", r"\u+123"] {
            let backslash = Unit { character: '\\', slashes: 1, end: 1 };
            assert_eq!(unit(text, 0), Some(backslash), "{text}");
        }
        assert_eq!(unit("", 0), None);
    }

    #[test]
    fn space_may_be_escaped() {
        assert_eq!(skip_space(" \t\\n\\\\r\\u0020x", 0), 13);
        assert_eq!(skip_space("x ", 0), 0);
        assert_eq!(skip_space("  ", 0), 2);
    }

    proptest! {
        #[test]
        fn reading_backwards_finds_the_same_units(text in r#"(\\|\\u00[0-7][0-9c]|[\\"u02/abn\u{e9}])*"#) {
            let mut at = 0;
            while let Some(Unit { character, end, .. }) = unit(&text, at) {
                prop_assert!(!is_in_escape(&text, 0, at));
                let before = Before { character, begin: at };
                prop_assert_eq!(unit_before(&text, 0, end), Some(before), "{} {}", text, end);
                at = end;
                if character == '\\' && is_letter_of_escape(&text, 0, at) {
                    at += 1;
                    prop_assert_eq!(unit_before(&text, 0, at), Some(before), "{} {}", text, at);
                }
            }
        }

        #[test]
        fn no_text_panics(text in r#"[\\"u02/a]*"#, opening in 0_usize..70) {
            let end = string_end(&text, 0, opening);
            prop_assert!(text.is_char_boundary(end));
            prop_assert!(skip_space(&text, 0) <= text.len());
        }

        #[test]
        fn a_string_ends_at_its_closing_quote(value in any::<String>(), depth in 0..4) {
            let mut text = serde_json::to_string(&value).unwrap();
            for _ in 0..depth {
                text = serde_json::to_string(&text).unwrap();
            }
            // The quotes of all levels are at both ends, each after its backslashes.
            let quotes = (2_usize << depth) - 1;
            let end = string_end(&text, quotes, (1 << depth) - 1);
            prop_assert_eq!(end, text.len() - quotes);
        }
    }
}
