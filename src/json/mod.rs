//! The JSON functions that a gateway needs: scan a passing object, walk a complete one, read a flat
//! one, write a string.

pub(crate) mod cursor;
pub(crate) mod flat;
pub(crate) mod nested;
mod number;
pub(crate) mod object;
pub(crate) mod places;
pub(crate) mod quote;
pub(crate) mod scalars;
pub(crate) mod string;
pub(crate) mod string_finder;
#[cfg(feature = "log")]
pub(crate) mod to_bytes;
pub(crate) mod trail;
mod words;

/// Returns true if a byte can be part of a number or word.
pub(crate) fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+')
}

#[inline(always)]
pub(crate) fn is_space(byte: u8) -> bool {
    // For most bytes, this takes one comparison.
    byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
