//! A cheap check that a short text holds no credential.
//!
//! Nearly every shown text is the name of a model or gateway. Checking its bytes one by one is
//! faster than a search.

use super::credential::PREFIXES;

/// May precede or be in a credential found by its name, by `Bearer`, or in an escape.
const OTHER: u8 = 1;
/// The last byte of a prefix of keys, and the one before it.
const LAST: u8 = 2;
const BEFORE: u8 = 4;

/// Longer texts are searched.
const SHORT: usize = 64;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let is_other = at <= 0x20 || at >= 0x7f || matches!(at as u8, b'"' | b'\\' | b'=' | b';');
        classes[at] = if is_other { OTHER } else { 0 };
        at += 1;
    }
    let mut prefix = 0;
    while prefix < PREFIXES.len() {
        let bytes = PREFIXES[prefix].0.as_bytes();
        classes[bytes[bytes.len() - 1] as usize] |= LAST;
        classes[bytes[bytes.len() - 2] as usize] |= BEFORE;
        prefix += 1;
    }
    classes
}

/// Returns true if the text holds no credential. `false` means unknown.
pub(super) fn is_clean(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() > SHORT {
        return false;
    }
    let mut before = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let class = CLASSES[usize::from(*byte)];
        if class & OTHER != 0 || class & LAST != 0 && before & BEFORE != 0 && ends_prefix(bytes, at)
        {
            return false;
        }
        before = class;
    }
    true
}

/// Returns true if a key prefix ends with the byte at `at`.
fn ends_prefix(bytes: &[u8], at: usize) -> bool {
    let begun = &bytes[..=at];
    PREFIXES.iter().any(|(prefix, _)| {
        // Most differ in one of the last two bytes: comparing these needs no call.
        let [.., before, last] = prefix.as_bytes() else { return false };
        begun.ends_with(&[*before, *last]) && begun.ends_with(prefix.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_clean() {
        for text in ["", "grok-4", "gpt-5.2-mini", "claude-sonnet-4-5", "openai/o3", "llama3:8b"] {
            assert!(is_clean(text), "{text}");
        }
    }

    #[test]
    fn every_kind_of_credential_is_seen() {
        let keys = PREFIXES.iter().map(|(prefix, _)| format!("a/{prefix}0123456789abcdef"));
        let others =
            ["bearer x", "BEARER\tx", "token=x", r#""token":"x""#, r"s\u006b-abcdef", ";base64,"];
        for text in keys.chain(others.map(str::to_owned)) {
            assert!(!is_clean(&text), "{text}");
        }
    }
}
