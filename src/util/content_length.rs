//! The `content-length` of a body that the gateway changes.

use http::HeaderMap;
use http::header::CONTENT_LENGTH;

/// Adds `growth`, which may be negative, to the announced length.
pub(crate) fn change(headers: &mut HeaderMap, growth: i64) {
    if growth == 0 {
        return;
    }
    let Some(length) = headers.get(CONTENT_LENGTH) else { return };
    let length = length.to_str().ok().and_then(|length| length.parse::<u64>().ok());
    match length.and_then(|length| length.checked_add_signed(growth)) {
        Some(length) => headers.insert(CONTENT_LENGTH, length.into()),
        // Without it, the client service chooses the framing.
        None => headers.remove(CONTENT_LENGTH),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_length_is_not_announced() {
        for (before, growth, after) in [
            ("10", 3, Some("13")),
            ("10", -10, Some("0")),
            ("10", 0, Some("10")),
            ("10", -11, None),
            ("x", 1, None),
            ("18446744073709551615", 1, None),
        ] {
            let mut headers = HeaderMap::from_iter([(CONTENT_LENGTH, before.parse().unwrap())]);
            change(&mut headers, growth);
            assert_eq!(headers.get(CONTENT_LENGTH).map(|value| value.to_str().unwrap()), after);
        }
        let mut headers = HeaderMap::new();
        change(&mut headers, 1);
        assert!(headers.is_empty());
    }
}
