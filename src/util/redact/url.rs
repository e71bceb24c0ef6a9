//! Passwords in URLs.

use super::escape::unit;

/// The password in a URL such as `https://user:password@host`, after the `:` at `at`.
pub(super) fn password(text: &str, at: usize) -> Option<(usize, usize)> {
    // Most colons are in no URL.
    if !matches!(text.as_bytes().get(at..), Some([b':', b'/' | b'\\', ..] | [b'\\', ..])) {
        return None;
    }
    let mut at = "://".chars().try_fold(at, |at, expected| {
        unit(text, at).filter(|unit| unit.character == expected).map(|unit| unit.end)
    })?;
    let (mut begin, mut end) = (None, None);
    while let Some(unit) = unit(text, at).filter(|unit| !ends_authority(unit.character)) {
        match unit.character {
            ':' if begin.is_none() => begin = Some(unit.end),
            // Some clients do not escape it in passwords.
            '@' => end = Some(at),
            _ => {}
        }
        at = unit.end;
    }
    begin.zip(end).filter(|(begin, end)| begin < end)
}

fn ends_authority(character: char) -> bool {
    character.is_whitespace() || "/?#\"\\<>()`".contains(character)
}
