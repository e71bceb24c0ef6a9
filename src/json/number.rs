//! The grammar of JSON numbers.

/// Checks for RFC 8259 §6, which is stricter than Rust: no `+1`, `01`, `.5`, `1.`, `inf` or `nan`.
pub(super) fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let has_leading_zero = text.len() > 1 && text[0] == b'0' && text[1].is_ascii_digit();
    let (whole, text) = digits(text);
    let (fraction, text) = match text.strip_prefix(b".") {
        Some(text) => digits(text),
        None => (1, text),
    };
    let exponent = text.strip_prefix(b"e").or_else(|| text.strip_prefix(b"E"));
    let (exponent, rest) = match exponent {
        Some(text) => {
            digits(text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text))
        }
        None => (1, text),
    };
    !has_leading_zero && whole > 0 && fraction > 0 && exponent > 0 && rest.is_empty()
}

/// The number of leading digits, and what follows them.
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, &text[count..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_those_of_json(text in "-?[0-9.eE+-]{0,8}") {
            // The caller checks the range.
            prop_assume!(!text.parse::<f64>().is_ok_and(f64::is_infinite));
            prop_assert_eq!(is_number(text.as_bytes()), serde_json::from_str::<serde_json::Number>(&text).is_ok());
        }
    }
}
