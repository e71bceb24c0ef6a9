//! The formats of response bodies that can be metered.

use http::HeaderValue;

use crate::util::macros::match_bytes;

/// The format of a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    Json,
    /// Server-sent events with JSON in their data.
    Sse,
    /// JSON documents, one per line.
    JsonLines,
    /// The binary frames of AWS, with JSON in their payloads.
    AmazonEventStream,
}

/// Media types of [`Format::JsonLines`]; none is registered.
const JSON_LINES: [&str; 9] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
    "application/json-lines",
    "application/stream+json",
    "application/x-json-stream",
];

impl Format {
    /// Returns true if the body is a stream. `path`: after the provider's slug. Gemini sends a
    /// stream as one JSON array unless events are requested.
    pub(crate) fn is_stream(format: Option<Self>, path: &str) -> bool {
        match format {
            None => false,
            Some(Self::Json) => path.ends_with(":streamGenerateContent"),
            Some(Self::Sse | Self::JsonLines | Self::AmazonEventStream) => true,
        }
    }

    /// Derives the format from the response's `content-type`. The request's `accept` does not help:
    /// SDKs send `application/json` for streams too.
    pub fn of(content_type: Option<&HeaderValue>) -> Option<Self> {
        let content_type = content_type?.as_bytes();
        match_bytes!(content_type, {
            b"application/json" => return Some(Self::Json),
            b"text/event-stream" => return Some(Self::Sse),
            _ => {}
        });
        let media = content_type.split(|byte| *byte == b';').next()?.trim_ascii();
        let is = |name: &str| media.eq_ignore_ascii_case(name.as_bytes());
        if is("text/event-stream") {
            return Some(Self::Sse);
        }
        if is("application/vnd.amazon.eventstream") {
            return Some(Self::AmazonEventStream);
        }
        if JSON_LINES.iter().any(|name| is(name)) {
            return Some(Self::JsonLines);
        }
        let suffix = media.len().checked_sub(b"+json".len()).map(|start| &media[start..]);
        let is_json = is("application/json")
            || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(b"+json"));
        is_json.then_some(Self::Json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised_in_any_case_and_with_parameters() {
        for (content_type, format) in [
            ("text/event-stream", Some(Format::Sse)),
            ("Text/Event-Stream ; charset=utf-8", Some(Format::Sse)),
            ("application/json", Some(Format::Json)),
            ("application/JSON;charset=utf-8", Some(Format::Json)),
            ("application/problem+json", Some(Format::Json)),
            ("application/jsonl", Some(Format::JsonLines)),
            ("Application/X-NDJSON; charset=utf-8", Some(Format::JsonLines)),
            ("application/stream+json", Some(Format::JsonLines)),
            ("application/vnd.amazon.eventstream", Some(Format::AmazonEventStream)),
            ("text/plain", None),
            ("json", None),
            ("", None),
        ] {
            let value = HeaderValue::from_static(content_type);
            assert_eq!(Format::of(Some(&value)), format, "{content_type}");
        }
        assert_eq!(Format::of(None), None);
    }
}
