//! Values whose names make them credentials.

use super::credential::{Kind, LOOK_AHEAD, after};
use super::escape::{skip_space, string_end, unit};

/// The schemes before the credentials in an `authorization` header.
pub(super) const SCHEMES: [&str; 8] =
    ["basic", "bearer", "digest", "token", "apikey", "api-key", "key", "negotiate"];

/// The value after a name that ends at `at`: one or several quoted strings or, if the name is not
/// quoted, a word.
pub(super) fn value(text: &str, at: usize, kind: Kind) -> Option<(usize, usize)> {
    let end = unit(text, at)?;
    let is_quoted = matches!(end.character, '"' | '\'');
    let separator_at = if is_quoted { skip_space(text, end.end) } else { at };
    let separator = unit(text, separator_at).filter(|unit| matches!(unit.character, ':' | '='))?;
    let value_at = skip_space(text, separator.end);
    let first = unit(text, value_at)?;
    let (begin, end) = match first.character {
        '"' | '\'' => quoted(text, value_at).map(|string| (string.begin, string.end)),
        '[' => array(text, first.end),
        _ if separator.character == '=' => {
            // Only directly after it: `password = 7` is code.
            (value_at == separator.end).then(|| unquoted(text, value_at, kind))?
        }
        _ if is_quoted || kind == Kind::Member => None,
        _ => {
            let begin = skip_blanks(text, separator.end);
            if kind == Kind::Cookie { cookies(text, begin) } else { unquoted(text, begin, kind) }
        }
    }?;
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

/// A string without its quotes.
struct Quoted {
    begin: usize,
    end: usize,
    /// The end of its closing quote, if it has one.
    after: usize,
}

fn quoted(text: &str, at: usize) -> Option<Quoted> {
    let first = unit(text, at)?;
    let end = match first.character {
        '"' => string_end(text, first.end, first.slashes),
        '\'' => single_end(text, first.end),
        _ => return None,
    };
    let of_first = (first.character, first.slashes);
    let last = unit(text, end).filter(|last| (last.character, last.slashes) == of_first);
    Some(Quoted { begin: first.end, end, after: last.map_or(end, |last| last.end) })
}

/// All strings of an array, from the first to the last.
fn array(text: &str, at: usize) -> Option<(usize, usize)> {
    let Quoted { begin, mut end, mut after } = quoted(text, skip_space(text, at))?;
    while let Some(comma) = unit(text, skip_space(text, after)).filter(|unit| unit.character == ',')
        && let Some(next) = quoted(text, skip_space(text, comma.end))
    {
        (end, after) = (next.end, next.after);
    }
    Some((begin, end))
}

/// The end of a string in single quotes. It has no line ends and no double quotes: the quote may as
/// well be an apostrophe.
fn single_end(text: &str, mut at: usize) -> usize {
    let mut is_escaped = false;
    while let Some(unit) = unit(text, at) {
        let is_over = match unit.character {
            '\'' => !is_escaped,
            '"' | '\n' | '\r' => true,
            '\\' => matches!(text.as_bytes().get(unit.end), Some(b'n' | b'r')),
            _ => false,
        };
        if is_over {
            return at;
        }
        is_escaped = unit.character == '\\';
        at = unit.end;
    }
    at
}

/// A word, or what follows the scheme of an `authorization` header.
fn unquoted(text: &str, begin: usize, kind: Kind) -> Option<(usize, usize)> {
    let end = word_end(text, begin);
    let is =
        |scheme: &&str| after(text, begin, scheme, |a, b| a.eq_ignore_ascii_case(&b)) == Some(end);
    match SCHEMES.iter().find(|scheme| kind == Kind::Authorization && is(scheme)) {
        Some(scheme) => {
            let begin = skip_blanks(text, end);
            let is_list = *scheme == "digest";
            Some((begin, if is_list { pairs_end(text, begin) } else { word_end(text, begin) }))
        }
        None => Some((begin, end)),
    }
}

/// The pairs of a `cookie` header. In prose, the word after `cookie: ` is not a pair.
fn cookies(text: &str, begin: usize) -> Option<(usize, usize)> {
    begins_with_pair(text, begin).then(|| (begin, pairs_end(text, begin)))
}

fn begins_with_pair(text: &str, mut at: usize) -> bool {
    for length in 0.. {
        let Some(unit) = unit(text, at) else { return false };
        match unit.character {
            '=' => return true,
            // Each colon may end another `cookie`: a text full of them must not be read over and over.
            ':' if length >= LOOK_AHEAD => return false,
            character if ends_word(character) => return false,
            _ => at = unit.end,
        }
    }
    false
}

/// The end of pairs such as `a=b; c="d"`.
fn pairs_end(text: &str, begin: usize) -> usize {
    let mut end = pair_end(text, begin);
    while let Some(comma) = unit(text, end).filter(|unit| matches!(unit.character, ',' | ';')) {
        let next = skip_blanks(text, comma.end);
        let next_end = pair_end(text, next);
        if !text[next..next_end].contains('=') {
            break;
        }
        end = next_end;
    }
    end
}

fn pair_end(text: &str, begin: usize) -> usize {
    let end = word_end(text, begin);
    let string = quoted(text, end).filter(|_| text[begin..end].ends_with('='));
    string.map_or(end, |string| string.after)
}

/// The end of an unquoted value.
fn word_end(text: &str, begin: usize) -> usize {
    let mut end = begin;
    while let Some(unit) = unit(text, end).filter(|unit| !ends_word(unit.character)) {
        end = unit.end;
    }
    end
}

fn ends_word(character: char) -> bool {
    character.is_whitespace() || "&\"'\\,;<>(){}[]".contains(character)
}

/// The end of the white space at `at` on the same line.
fn skip_blanks(text: &str, mut at: usize) -> usize {
    while let Some(unit) = unit(text, at) {
        at = match unit.character {
            ' ' | '\t' => unit.end,
            '\\' if text.as_bytes().get(unit.end) == Some(&b't') => unit.end + 1,
            _ => break,
        };
    }
    at
}
