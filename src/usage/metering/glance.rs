//! Reads the start of a response to see whether it is an answer or an error.

use std::sync::LazyLock;

use http::{HeaderMap, StatusCode};
use memchr::memmem::Finder;

use super::Coding;
use crate::usage::{Format, Meter, Shape};

/// The number of bytes decoded before each check, so that bombs do not expand.
const STEP: usize = 256;

static RROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("rror"));
static FAILED: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["\"failed\"", "\"FAILED\""].map(Finder::new));

/// Returns true if JSON may be an error. Only errors with a word that all of a shape have in common
/// are searched for.
fn may_be_error(shape: Shape, json: &[u8]) -> bool {
    match shape {
        // One without an answer is an error, whatever it says.
        Shape::GenerateContent => true,
        // A status is enough.
        Shape::Responses | Shape::Interactions | Shape::AsyncPerplexity | Shape::Videos => {
            names_error(json) || FAILED.iter().any(|status| status.find(json).is_some())
        }
        // So is a finish reason.
        Shape::CohereV1 | Shape::CohereV2 => names_error(json) || names_failure(json),
        _ => names_error(json),
    }
}

/// Returns true if JSON contains `rror`.
fn names_error(json: &[u8]) -> bool {
    RROR.find(json).is_some()
}

/// Returns true if JSON contains `RROR` or `TIMEOUT`. It searches for a capital letter that is rare
/// in text.
fn names_failure(json: &[u8]) -> bool {
    let is_at = |from: Option<usize>, word: &[u8]| {
        from.and_then(|from| json.get(from..)).is_some_and(|rest| rest.starts_with(word))
    };
    memchr::memchr2_iter(b'R', b'M', json)
        .any(|at| is_at(Some(at), b"RROR") || is_at(at.checked_sub(2), b"TIMEOUT"))
}

/// The verdict on the start of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// An answer, or at least no known error.
    Answer,
    /// An error before any content, with the status of that kind of error if known.
    Error(Option<StatusCode>),
}

/// Reads a response up to its first content or error. In a stream, the first event that is either
/// decides; JSON is decided at its end.
#[derive(Debug)]
pub(crate) struct Glance {
    coding: Coding,
    look: Look,
}

#[derive(Debug)]
struct Look {
    format: Format,
    shape: Shape,
    /// Created for the first bytes that must be parsed.
    meter: Option<Box<Meter>>,
    /// The number of decoded bytes that may still be read.
    left: usize,
    sight: Option<Sight>,
}

impl Glance {
    /// The number of bytes that are read. Errors are shorter.
    pub(crate) const LONGEST: usize = 4096;

    /// `None` if the compression of the response is not supported.
    pub(crate) fn new(format: Format, headers: &HeaderMap, shape: Shape) -> Option<Self> {
        let coding = Coding::of(headers)?;
        let (meter, left, sight) = (None, Self::LONGEST, None);
        Some(Self { coding, look: Look { format, shape, meter, left, sight } })
    }

    /// Reads more of the response. Returns the verdict once it is known. `is_last`: nothing
    /// follows.
    pub(crate) fn push(&mut self, data: &[u8], is_last: bool) -> Option<Sight> {
        let Self { coding, look } = self;
        match coding {
            Coding::Plain => {
                // Most JSON is an answer in one part. It is not parsed.
                let is_whole = is_last && look.meter.is_none() && look.format == Format::Json;
                if is_whole && !may_be_error(look.shape, data) {
                    look.sight = Some(Sight::Answer);
                } else {
                    look.at(data);
                }
            }
            Coding::Over { .. } => {}
            Coding::Coded(decoder) => {
                for part in data.chunks(STEP) {
                    if decoder.push(part, |plain| look.at(plain)).is_err() {
                        look.sight.get_or_insert(Sight::Answer);
                    }
                    if look.sight.is_some() {
                        break;
                    }
                }
            }
        }
        look.sight
    }

    /// Ends the response.
    pub(crate) fn finish(mut self) -> Sight {
        if let Some(meter) = &mut self.look.meter {
            meter.finish();
        }
        self.look.sight.or_else(|| self.look.verdict()).unwrap_or(Sight::Answer)
    }
}

impl Look {
    /// Reads line by line: the first content or error counts.
    fn at(&mut self, plain: &[u8]) {
        for line in plain.split_inclusive(|byte| *byte == b'\n') {
            if self.sight.is_some() {
                return;
            }
            let part = &line[..line.len().min(self.left)];
            self.left -= part.len();
            let (format, shape) = (self.format, self.shape);
            let new = || Box::new(Meter::new(format, shape, Glance::LONGEST));
            self.meter.get_or_insert_with(new).push(part);
            self.sight = self.verdict().or((part.len() < line.len()).then_some(Sight::Answer));
        }
    }

    fn verdict(&self) -> Option<Sight> {
        let meter = self.meter.as_deref()?;
        match meter.error() {
            Some(error) if error.is_refusal() => Some(Sight::Answer),
            Some(error) if !meter.has_content() => Some(Sight::Error(error.status())),
            _ => {
                let is_over = meter.terminal().is_some() || meter.problem().is_some();
                (is_over || meter.has_content()).then_some(Sight::Answer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn sight(content_type: &'static str, body: &str, size: usize) -> Sight {
        sight_of(Shape::Chat, content_type, body, size)
    }

    fn sight_of(shape: Shape, content_type: &'static str, body: &str, size: usize) -> Sight {
        let content_type = HeaderValue::from_static(content_type);
        let format = Format::of(Some(&content_type)).unwrap();
        let mut glance = Glance::new(format, &HeaderMap::new(), shape).unwrap();
        let count = body.len().div_ceil(size);
        let mut parts = body.as_bytes().chunks(size).enumerate();
        let found = parts.find_map(|(index, part)| glance.push(part, index + 1 == count));
        found.unwrap_or_else(|| glance.finish())
    }

    #[test]
    fn an_error_is_known_by_its_shape() {
        let error = |status: Option<u16>| {
            Sight::Error(status.map(|status| StatusCode::from_u16(status).unwrap()))
        };
        for (body, expected) in [
            (r#"{"code":"unavailable","error":"no first token"}"#, error(Some(503))),
            (r#"{"error":{"message":"no","type":"server_error"}}"#, error(Some(500))),
            (r#"{"error":{"message":"no"}}"#, error(None)),
            (r#"{"type":"error"}"#, error(None)),
            (r#"{"id":"x","choices":[{"message":{"content":"hi"}}]}"#, Sight::Answer),
            (r#"{"id":"r","error":null,"output":[]}"#, Sight::Answer),
            (r#"{"data":[]}"#, Sight::Answer),
            ("no json, but an error", Sight::Answer),
            ("", Sight::Answer),
        ] {
            for size in [1, 3, body.len().max(1)] {
                assert_eq!(sight("application/json", body, size), expected, "{body}");
            }
        }
    }

    #[test]
    fn an_error_without_any_such_word_is_known_in_any_split() {
        for (shape, body, is_error) in [
            (Shape::GenerateContent, r#"{"candidates":[]}"#, true),
            (Shape::GenerateContent, r#"{"usageMetadata":{"promptTokenCount":1}}"#, true),
            (Shape::GenerateContent, r#"{"candidates":[{"finishReason":"STOP"}]}"#, false),
            // The provider has refused, and another would be asked the same.
            (Shape::GenerateContent, r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, false),
            (Shape::Responses, r#"{"id":"r","status":"failed","output":[]}"#, true),
            (Shape::Responses, r#"{"id":"r","status":"completed","output":[]}"#, false),
            (Shape::Interactions, r#"{"id":"i","status":"FAILED"}"#, true),
            (Shape::AsyncPerplexity, r#"{"id":"a","status":"FAILED","response":null}"#, true),
            (Shape::Videos, r#"{"id":"v","status":"failed"}"#, true),
            (Shape::CohereV2, r#"{"id":"c","finish_reason":"ERROR"}"#, true),
            (Shape::CohereV1, r#"{"finish_reason":"ERROR_LIMIT","text":""}"#, true),
            (Shape::CohereV2, r#"{"id":"c","finish_reason":"COMPLETE"}"#, false),
            (Shape::Chat, r#"{"choices":[{"finish_reason":"TIMEOUT"}]}"#, false),
            (Shape::Chat, r#"{"code":"SERVER_ERROR","finish_reason":"ERROR"}"#, false),
        ] {
            for size in [1, 3, body.len()] {
                let expected = if is_error { Sight::Error(None) } else { Sight::Answer };
                let sight = sight_of(shape, "application/json", body, size);
                assert_eq!(sight, expected, "{shape:?} {body} in parts of {size}");
            }
        }
    }

    #[test]
    fn a_timeout_of_cohere_is_an_error() {
        let body = r#"{"id":"c","finish_reason":"TIMEOUT"}"#;
        let expected = Sight::Error(Some(StatusCode::GATEWAY_TIMEOUT));
        for size in [1, 3, body.len()] {
            assert_eq!(sight_of(Shape::CohereV2, "application/json", body, size), expected);
        }
    }

    #[test]
    fn words_of_errors_are_found_at_any_position() {
        for word in ["rror", "RROR", "TIMEOUT"] {
            for before in
                ["", "M", "R", "RR", "TI", "rro", "some text of 40 bytes, RM and Mr Roe, "]
            {
                for after in ["", "s", " and more of it, for a search by vectors"] {
                    let json = [before, word, after].concat();
                    assert!(may_be_error(Shape::CohereV2, json.as_bytes()), "{json}");
                }
            }
        }
        for none in ["", "R", "M", "RRO", "RRrr", "TIMEOU", "IMEOUT", "eror", "TIME OUT", "Rro"] {
            assert!(!may_be_error(Shape::CohereV2, none.as_bytes()), "{none}");
        }
    }

    #[test]
    fn the_first_event_with_content_or_an_error_decides() {
        let (error, content) = (
            "data: {\"error\":{\"type\":\"overloaded_error\"}}\n\n",
            "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n",
        );
        let overloaded = StatusCode::from_u16(529).unwrap();
        for (parts, expected) in [
            ([error, content], Sight::Error(Some(overloaded))),
            ([content, error], Sight::Answer),
            ([": error\n\n", error], Sight::Error(Some(overloaded))),
            ([": error\n\n", ": content\n\n"], Sight::Answer),
        ] {
            let body = parts.concat();
            for size in [1, 10, body.len()] {
                assert_eq!(sight("text/event-stream", &body, size), expected, "{body}");
            }
        }
    }
}
