//! What the head of a response says about its length and its end.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

/// The declared length. `None` with `transfer-encoding`, which overrides it (RFC 9112 §6.3), and if its
/// lines differ.
pub(super) fn declared(headers: &HeaderMap) -> Option<u64> {
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

/// Whether the last chunk marks the end. With another coding, the end of the connection may mark it.
pub(super) fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(is_chunked) && codings.next().is_none()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn head(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

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
            let mut lines: Vec<_> = lines.iter().map(|line| (CONTENT_LENGTH, *line)).collect();
            assert_eq!(declared(&head(&lines)), expected, "{lines:?}");
            lines.push((TRANSFER_ENCODING, "chunked"));
            assert_eq!(declared(&head(&lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn only_chunked_alone_marks_the_end() {
        let is = |values: &[&'static str]| {
            let lines: Vec<_> = values.iter().map(|value| (TRANSFER_ENCODING, *value)).collect();
            is_chunked(&head(&lines))
        };
        assert!(is(&["chunked"]) && is(&["Chunked"]));
        for values in [&[][..], &["gzip"], &["gzip, chunked"], &["chunked", "gzip"], &["identity"]]
        {
            assert!(!is(values), "{values:?}");
        }
    }
}
