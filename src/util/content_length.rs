//! The `content-length` of a body that the gateway changes.

use http::header::{CONTENT_LENGTH, Entry};
use http::{HeaderMap, HeaderValue};

/// Adds `growth`, which may be negative, to the announced length.
pub(crate) fn change(headers: &mut HeaderMap, growth: i64) {
    if growth == 0 {
        return;
    }
    let Entry::Occupied(mut entry) = headers.entry(CONTENT_LENGTH) else { return };
    let length = entry.get().to_str().ok().and_then(|length| length.parse::<u64>().ok());
    let length = length.and_then(|length| length.checked_add_signed(growth));
    match length.and_then(|length| HeaderValue::try_from(length.to_string()).ok()) {
        Some(length) => entry.insert(length),
        // Without it, the client service chooses the framing.
        None => entry.remove(),
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
