//! A cheap check that a short text holds no credential.
//!
//! Nearly every shown text is the name of a model or gateway. Checking its bytes one by one is
//! faster than a search.

use super::credential::PREFIXES;

/// The bit of bytes that may precede or be in a credential found by its name, by `Bearer`, or in an
/// escape. The bits below it are those of the prefixes of keys.
const OTHER: u64 = 1 << PREFIXES.len();

/// What a byte may be.
#[derive(Clone, Copy)]
struct Class {
    /// The prefixes that end with it.
    last: u64,
    /// The prefixes with it before their last byte.
    before: u64,
}

/// Longer texts are searched.
const SHORT: usize = 64;

static CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    // Any byte may stand before one of the others.
    let mut classes = [Class { last: 0, before: OTHER }; 256];
    let mut at = 0;
    while at < 256 {
        let is_other =
            at <= 0x20 || at >= 0x7f || matches!(at as u8, b'"' | b'\\' | b':' | b'=' | b';');
        classes[at].last = if is_other { OTHER } else { 0 };
        at += 1;
    }
    let mut prefix = 0;
    while prefix < PREFIXES.len() {
        let bytes = PREFIXES[prefix].0.as_bytes();
        classes[bytes[bytes.len() - 1] as usize].last |= 1 << prefix;
        classes[bytes[bytes.len() - 2] as usize].before |= 1 << prefix;
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
    let mut before = OTHER;
    for (at, byte) in bytes.iter().enumerate() {
        let class = &CLASSES[usize::from(*byte)];
        let ended = class.last & before;
        if ended != 0 && (ended & OTHER != 0 || ends_prefix(&bytes[..=at], ended)) {
            return false;
        }
        before = class.before;
    }
    true
}

/// Returns true if one of these prefixes ends here; their last two bytes do.
fn ends_prefix(bytes: &[u8], mut ended: u64) -> bool {
    while ended != 0 {
        let (prefix, _) = PREFIXES[ended.trailing_zeros() as usize];
        if bytes.ends_with(prefix.as_bytes()) {
            return true;
        }
        ended &= ended - 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_clean() {
        for text in ["", "grok-4", "gpt-5.2-mini", "claude-sonnet-4-5", "openai/o3"] {
            assert!(is_clean(text), "{text}");
        }
    }

    #[test]
    fn every_kind_of_credential_is_seen() {
        let keys = PREFIXES.iter().map(|(prefix, _)| format!("a/{prefix}0123456789abcdef"));
        let others = [
            "bearer x",
            "BEARER\tx",
            "token=x",
            "x-api-key:x",
            "a://b:c@d",
            r#""token":"x""#,
            r"s\u006b-abcdef",
            ";base64,",
        ];
        for text in keys.chain(others.map(str::to_owned)) {
            assert!(!is_clean(&text), "{text}");
        }
    }
}
