//! The bodies in a record, as text.

use super::LogRecord;
use crate::hook::{EndEvent, Outcome};
use crate::util::payload::Payload;

/// Replaces a body that is not text. A body with this very text differs: it has
/// `request_head_complete` or `response_head_complete`.
pub(super) const BINARY: &str = "<binary>";
/// Replaces a compressed response.
pub(super) const ENCODED: &str = "<encoded>";

/// Adds the start of both bodies to the record, at most `limit` bytes of each.
pub(super) fn attach(record: &mut LogRecord, end: &EndEvent<'_>, limit: usize) {
    // Without a response head it is unknown whether the provider read the whole request.
    let is_request_whole = end.timings.to_head.is_some() && end.outcome != Outcome::Rejected;
    if let Some((text, complete)) = head(end.request_payload, limit, is_request_whole) {
        record.request_head = Some(text);
        record.request_head_complete = complete;
    }
    if end.response_payload.is_some() && end.response_encoded {
        record.response_head = Some(ENCODED.to_owned());
        return;
    }
    let is_response_whole = end.outcome == Outcome::Complete;
    if let Some((text, complete)) = head(end.response_payload, limit, is_response_whole) {
        record.response_head = Some(text);
        record.response_head_complete = complete;
    }
}

/// The text of a payload, and whether it is the whole body.
fn head(
    payload: Option<Payload<'_>>,
    limit: usize,
    is_whole: bool,
) -> Option<(String, Option<bool>)> {
    let Payload { bytes, is_whole: is_all } = payload?;
    // Another hook may have requested more.
    let kept = &bytes[..bytes.len().min(limit)];
    let is_all = is_all && kept.len() == bytes.len();
    let is_whole = is_whole && is_all;
    Some(match text(kept, is_whole) {
        Some(text) => (text.to_owned(), Some(is_whole)),
        None => (BINARY.to_owned(), None),
    })
}

/// The bytes as text. If they are not the whole body, a partial last character is dropped.
fn text(bytes: &[u8], is_whole: bool) -> Option<&str> {
    match str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if !is_whole && error.error_len().is_none() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head_of(bytes: &[u8], limit: usize, is_whole: bool) -> (String, Option<bool>) {
        head(Some(Payload { bytes, is_whole: true }), limit, is_whole).unwrap()
    }

    #[test]
    fn text_is_cut_between_characters() {
        let text = "a\u{e9}\u{1f600}b".as_bytes();
        assert_eq!(head_of(text, 8, true), ("a\u{e9}\u{1f600}b".to_owned(), Some(true)));
        for (limit, kept) in
            [(7, "a\u{e9}\u{1f600}"), (6, "a\u{e9}"), (3, "a\u{e9}"), (2, "a"), (0, "")]
        {
            assert_eq!(head_of(text, limit, true), (kept.to_owned(), Some(false)), "{limit}");
        }
    }

    #[test]
    fn a_partial_body_is_not_complete() {
        assert_eq!(head_of(b"abc", 9, false), ("abc".to_owned(), Some(false)));
        assert_eq!(head_of("\u{e9}".as_bytes().split_at(1).0, 9, false).0, "");
    }

    #[test]
    fn a_binary_body_is_marked_and_differs_from_text() {
        for bytes in [&b"\x89PNG\r\n"[..], b"a\xffb", b"\x1f\x8b\x08"] {
            assert_eq!(head_of(bytes, 99, true), (BINARY.to_owned(), None), "{bytes:?}");
        }
        // A partial character at the end of a whole body.
        assert_eq!(head_of(b"a\xc3", 99, true), (BINARY.to_owned(), None));
        assert_eq!(head_of(BINARY.as_bytes(), 99, true), (BINARY.to_owned(), Some(true)));
    }

    #[test]
    fn without_a_payload_there_is_no_head() {
        assert_eq!(head(None, 99, true), None);
    }
}
