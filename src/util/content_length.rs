//! The `content-length` of a body.

use http::header::{CONTENT_LENGTH, Entry, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

/// The declared length. `None` with `transfer-encoding`, which overrides it (RFC 9112 §6.3), and if its
/// lines differ.
pub(crate) fn declared(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(length);
    let first = lengths.next()??;
    let is_one = lengths.all(|other| other == Some(first));
    (is_one && !headers.contains_key(TRANSFER_ENCODING)).then_some(first)
}

fn length(value: &HeaderValue) -> Option<u64> {
    let digits = value.to_str().ok()?;
    // `parse` accepts a sign, too.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

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
    fn only_an_unambiguous_length_is_declared() {
        for (lines, expected) in [
            (&["4"][..], Some(4)),
            (&["4", "4"], Some(4)),
            (&["0"], Some(0)),
            (&["4", "5"], None),
            (&["4", "x"], None),
            (&["+4"], None),
            (&["4, 4"], None),
            (&[""], None),
            (&["18446744073709551616"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CONTENT_LENGTH, HeaderValue::from_static(line));
            }
            assert_eq!(declared(&headers), expected, "{lines:?}");
            headers.append(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            assert_eq!(declared(&headers), None, "{lines:?}");
        }
    }

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
