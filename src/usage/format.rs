//! Which kinds of response body can be metered.

use http::HeaderValue;

/// How a response body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    Json,
    /// Server-sent events with JSON in their data.
    Sse,
}

impl Format {
    /// From the response's `content-type`: the request's `accept` says nothing, for SDKs send
    /// `application/json` with streams too.
    pub fn of(content_type: Option<&HeaderValue>) -> Option<Self> {
        let content_type = content_type?.as_bytes();
        match content_type {
            b"application/json" => return Some(Self::Json),
            b"text/event-stream" => return Some(Self::Sse),
            _ => {}
        }
        let media = content_type.split(|byte| *byte == b';').next()?.trim_ascii();
        if media.eq_ignore_ascii_case(b"text/event-stream") {
            return Some(Self::Sse);
        }
        let suffix = media.len().checked_sub(b"+json".len()).map(|start| &media[start..]);
        let is_json = media.eq_ignore_ascii_case(b"application/json")
            || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(b"+json"));
        is_json.then_some(Self::Json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_in_any_case_and_with_parameters() {
        for (content_type, format) in [
            ("text/event-stream", Some(Format::Sse)),
            ("Text/Event-Stream ; charset=utf-8", Some(Format::Sse)),
            ("application/json", Some(Format::Json)),
            ("application/JSON;charset=utf-8", Some(Format::Json)),
            ("application/problem+json", Some(Format::Json)),
            ("application/jsonl", None),
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
