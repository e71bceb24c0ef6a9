//! What the head of a response says about its length and its end.

use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, HeaderValue};

pub(super) use crate::util::content_length::declared;

/// Whether the last chunk marks the end. With another coding, the end of the connection may mark it.
pub(super) fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(is_chunked) && codings.next().is_none()
}

/// Whether the body has a coding that is not undone here. The gateway relays no such response.
pub(super) fn has_other_coding(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && !is_chunked(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chunked_alone_marks_the_end() {
        let is = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TRANSFER_ENCODING, HeaderValue::from_static(value));
            }
            is_chunked(&headers)
        };
        assert!(is(&["chunked"]) && is(&["Chunked"]));
        for values in [&[][..], &["gzip"], &["gzip, chunked"], &["chunked", "gzip"], &["identity"]]
        {
            assert!(!is(values), "{values:?}");
        }
    }
}
