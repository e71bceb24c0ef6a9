//! Bytes as hexadecimal digits, and back.

/// The digits of a byte, in lower case.
pub(crate) fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Appends the digits of these bytes.
#[cfg(feature = "redis")]
pub(crate) fn push(text: &mut Vec<u8>, bytes: &[u8]) {
    bytes.iter().for_each(|byte| text.extend(digits(*byte)));
}

/// Shows bytes as hexadecimal digits.
#[cfg(any(feature = "cache", feature = "limits"))]
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

#[cfg(any(feature = "cache", feature = "limits"))]
impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        let mut digits = self.0.iter().flat_map(|byte| digits(*byte));
        digits.try_for_each(|digit| f.write_char(char::from(digit)))
    }
}

/// Reads exactly `LENGTH` bytes from their digits, in either case; `None` for anything else.
pub(crate) fn read<const LENGTH: usize>(digits: &str) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != LENGTH || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}
