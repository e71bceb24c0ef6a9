//! Whether a response means that something else is to be tried.

use std::sync::LazyLock;

use http::{HeaderMap, StatusCode, header};
use memchr::memmem::Finder;

use crate::hook::Failure;
use crate::route::Operation;
use crate::usage::{Format, Meter};

/// How much of a response is read to see whether a status of 200 hides an error.
pub(super) const LONGEST_ERROR: usize = 4096;

/// Whether a response of this status is no answer, for another provider could give one.
pub(in crate::control) fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 409 | 425 | 429) || status.is_server_error()
}

/// Whether to try something else after this failure. A client that breaks off wants nothing else.
pub(super) fn leads_on(failure: Failure) -> bool {
    failure != Failure::RequestBody
}

/// Whether a response may be an error under a status that says success: xAI and others answer so,
/// in short JSON, also where a stream was asked for.
pub(super) fn may_hide_an_error(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_json = || Format::of(headers.get(header::CONTENT_TYPE)) == Some(Format::Json);
    status.is_success() && !headers.contains_key(header::CONTENT_ENCODING) && is_json()
}

/// Without this there is no error, neither by a member's name nor by the `type`.
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));

/// Whether a whole JSON body, in whichever parts, is an error and no answer.
pub(super) fn is_error<'b>(
    parts: impl Iterator<Item = &'b [u8]> + Clone,
    operation: Operation,
) -> bool {
    let mut first = parts.clone();
    // Most bodies are one part, and most of those an answer: they are not read twice.
    if let (Some(whole), None) = (first.next(), first.next())
        && ERROR.find(whole).is_none()
    {
        return false;
    }
    let mut meter = Meter::new(Format::Json, operation, LONGEST_ERROR);
    parts.for_each(|part| meter.push(part));
    meter.finish();
    meter.error().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_errors_of_the_client_are_answers() {
        for status in 100..600 {
            let expected = [408, 409, 425, 429].contains(&status) || status >= 500;
            assert_eq!(is_failure(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }

    #[test]
    fn an_error_is_known_by_its_shape() {
        for (body, expected) in [
            (r#"{"code":"unavailable","error":"Timed out waiting for first token"}"#, true),
            (r#"{"error":{"message":"overloaded","type":"server_error"}}"#, true),
            (r#"{"id":"x","choices":[{"message":{"content":"hi"}}]}"#, false),
            (r#"{"id":"r","error":null,"output":[]}"#, false),
            (r#"{"data":[]}"#, false),
            (r#"{"type":"error"}"#, true),
            ("", false),
        ] {
            for length in [1, 3, body.len().max(1)] {
                let parts = body.as_bytes().chunks(length);
                assert_eq!(is_error(parts, Operation::Chat), expected, "{body}");
            }
        }
    }
}
