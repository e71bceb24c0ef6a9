//! Redacts what an error repeats from a file: a key may be in the wrong place.

use std::borrow::Cow;

use crate::util::redact::{begins_as_key, redacted};

/// Removes words that look like keys, and applies [`redacted`].
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    let mut words = words(text).filter(|word| looks_like_a_key(word)).peekable();
    if words.peek().is_none() {
        return redacted(text);
    }
    let mut shown = text.to_owned();
    for word in words {
        shown = shown.replace(word, "…");
    }
    // This finds keys of more than one word, and values whose names make them credentials.
    Cow::Owned(redacted(&shown).into_owned())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
}

fn looks_like_a_key(word: &str) -> bool {
    let has = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
    let is_random =
        word.len() >= 24 && has(u8::is_ascii_digit) && has(|byte| byte.is_ascii_lowercase());
    is_random || begins_as_key(word)
}

/// Returns the name if it could be that of a setting, and else a placeholder.
pub(super) fn setting(name: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if (1..=32).contains(&name.len()) && name.bytes().all(is_plain) { name } else { "…" }
}

/// A deserializer's message without the values and names that it quotes.
pub(super) fn complaint(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    // The expected part is serde's own text; the part before it quotes the file.
    let (found, expected) = match message.rfind(", expected") {
        Some(at) => message.split_at(at),
        None => (message, ""),
    };
    let mut kept = String::new();
    let mut rest = found;
    while let Some(at) = rest.find(['`', '"']) {
        let (before, quoted) = rest.split_at(at);
        let quote = if quoted.starts_with('`') { '`' } else { '"' };
        kept.push_str(before);
        // Up to the last quote: the quoted text may contain quotes.
        match quoted.rfind(quote).filter(|end| *end > 0) {
            Some(end) => {
                let name = setting(&quoted[1..end]);
                kept.push_str(if name == "…" { name } else { &quoted[..=end] });
                rest = &quoted[end + 1..];
            }
            None => {
                kept.push('…');
                rest = "";
            }
        }
    }
    kept.push_str(rest);
    kept.push_str(expected);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::redact::{names, samples};

    #[test]
    fn what_looks_like_a_key_is_left_out() {
        for (text, expected) in [
            ("gateways.team.keys.grok", "gateways.team.keys.grok"),
            (
                "the variable XAI_API_KEY_OF_TEAM_2025_EU",
                "the variable XAI_API_KEY_OF_TEAM_2025_EU",
            ),
            ("`sk-LEAK-1` is no provider", "`…` is no provider"),
            ("gateways.xai-abc123.keys", "gateways.….keys"),
            ("the file /run/0123456789abcdef0123456789abcdef", "the file /run/…"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn credentials_of_every_kind_are_left_out() {
        for key in samples() {
            for text in [key.clone(), format!("`{key}` is no provider"), format!("a.{key}.keys")] {
                let shown = redact(&text);
                assert!(!shown.contains(&key[key.len() - 16..]), "{text}: {shown}");
            }
        }
        for name in names() {
            let shown = redact(&format!("http://a/b?{name}=hunter2")).into_owned();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn complaints_keep_their_form_and_lose_their_values() {
        for (message, expected) in [
            (
                "invalid type: string \"sk\\\"LEAK\", expected u8",
                "invalid type: string …, expected u8",
            ),
            ("unknown field `LEAK`, expected `a` or `b`", "unknown field `…`, expected `a` or `b`"),
            ("unknown field `providr`", "unknown field `providr`"),
            ("missing field `type`", "missing field `type`"),
            ("odd ` one LEAK", "odd …"),
        ] {
            assert_eq!(complaint(message).replace("`…`", "…"), expected.replace("`…`", "…"));
        }
    }
}
