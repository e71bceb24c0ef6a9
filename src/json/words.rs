//! Tests of a text for special bytes, eight bytes at a time.

const ONES: u64 = u64::MAX / 0xff;

/// Returns true if `text` needs no escapes in a JSON string.
#[cfg(feature = "log")]
#[inline(always)]
pub(crate) fn is_verbatim(text: &str) -> bool {
    !any(text.as_bytes(), |word| below(word, 0x20) | is(word, b'"') | is(word, b'\\') != 0)
}

/// Returns true if the inside of a JSON string has no escapes and no control characters.
pub(super) fn is_plain(raw: &[u8]) -> bool {
    !any(raw, |word| below(word, 0x20) | is(word, b'\\') != 0)
}

/// Returns true if the inside of a JSON string has an escape.
pub(super) fn has_escape(raw: &[u8]) -> bool {
    any(raw, |word| is(word, b'\\') != 0)
}

/// Tests words that together have all bytes of `text`, and no others.
#[inline(always)]
fn any(text: &[u8], has: impl Fn(u64) -> bool) -> bool {
    let has = |word: [u8; 8]| has(u64::from_le_bytes(word));
    let (words, rest) = text.as_chunks();
    // The last eight bytes overlap the last chunk, so that no bytes are left over.
    if let Some(last) = text.last_chunk() {
        return words.iter().chain([last]).any(|word| has(*word));
    }
    match (rest.first_chunk(), rest.last_chunk()) {
        (Some([a, b, c, d]), Some([e, f, g, h])) => has([*a, *b, *c, *d, *e, *f, *g, *h]),
        _ => rest.iter().any(|byte| has([*byte; 8])),
    }
}

/// Not zero if a byte of `word` is less than `least`, which is at most 0x80.
fn below(word: u64, least: u64) -> u64 {
    word.wrapping_sub(ONES * least) & !word & (ONES << 7)
}

/// Not zero if a byte of `word` is `byte`: the lowest set bit is in the first such byte.
pub(super) fn is(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn every_byte_is_tested(raw in "[a\"\\\\\u{1f}\u{80}\u{20ac}#!\\[\\]]{0,2}[a-z]{0,20}[a\"\\\\\u{1f}]{0,2}") {
            let bytes = raw.as_bytes();
            let escapes = bytes.contains(&b'\\');
            let controls = bytes.iter().any(|byte| *byte < 0x20);
            prop_assert_eq!(has_escape(bytes), escapes);
            prop_assert_eq!(is_plain(bytes), !escapes && !controls);
            #[cfg(feature = "log")]
            prop_assert_eq!(is_verbatim(&raw), !escapes && !controls && !bytes.contains(&b'"'));
        }
    }
}
