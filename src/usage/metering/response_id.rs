//! Reads the provider's id of a response.

use http::{HeaderMap, header};

use super::Coding;
use crate::json::string_finder::{StringFinder, StringPath};
use crate::usage::Format;

/// The path of the id in a response and in its events.
const PATHS: [StringPath; 2] = [(None, "id"), (Some("response"), "id")];

/// The number of decoded bytes that are read. Known providers send the id at the very start.
const LOOKED_AT: usize = 256 * 1024;

/// The number of bytes decoded before each check, so that bombs do not expand.
const STEP: usize = 256;

/// Reads a response of the Responses API up to its id.
#[derive(Debug)]
pub(crate) struct ResponseId {
    coding: Coding,
    look: Look,
}

#[derive(Debug)]
struct Look {
    strings: StringFinder<2>,
    is_stream: bool,
    left: usize,
}

impl ResponseId {
    /// `None` if the response cannot be read.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let is_stream = match Format::of(headers.get(header::CONTENT_TYPE))? {
            Format::Json => false,
            Format::Sse => true,
            Format::JsonLines | Format::AmazonEventStream => return None,
        };
        let look = Look { strings: StringFinder::new(PATHS), is_stream, left: LOOKED_AT };
        Some(Self { coding: Coding::of(headers)?, look })
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        let Self { coding, look } = self;
        match coding {
            Coding::Plain => look.at(data),
            Coding::Over { .. } => {}
            Coding::Coded(decoder) => {
                for part in data.chunks(STEP) {
                    if decoder.push(part, |plain| look.at(plain)).is_err() {
                        look.left = 0;
                    }
                    if look.is_over() {
                        break;
                    }
                }
            }
        }
    }

    pub(crate) fn found(&self) -> Option<&str> {
        let index = usize::from(self.look.is_stream);
        self.look.strings.get(index)
    }

    /// Returns true if the rest is not needed.
    pub(crate) fn is_over(&self) -> bool {
        self.look.is_over()
    }
}

impl Look {
    fn at(&mut self, plain: &[u8]) {
        let mut plain = &plain[..plain.len().min(self.left)];
        self.left -= plain.len();
        while !plain.is_empty() && !self.is_over() {
            plain = &plain[self.strings.push(plain)..];
            if self.is_stream {
                self.strings.next_object();
            }
        }
    }

    fn is_over(&self) -> bool {
        let has = self.strings.get(usize::from(self.is_stream)).is_some();
        has || self.left == 0 || self.strings.is_over()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn id(content_type: &'static str, body: &str, size: usize) -> Option<String> {
        let content_type = HeaderValue::from_static(content_type);
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        let mut reader = ResponseId::of(&headers)?;
        body.as_bytes().chunks(size).for_each(|chunk| reader.push(chunk));
        reader.found().map(str::to_owned)
    }

    #[test]
    fn the_id_of_the_response_is_found_and_no_other() {
        let json = "application/json; charset=utf-8";
        let events = "text/event-stream";
        let created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"";
        for (content_type, body, expected) in [
            (json, r#"{"id":"resp_1","output":[{"id":"msg_1"}]}"#, Some("resp_1")),
            (
                json,
                r#"{"output":[{"id":"msg_1"}],"response":{"id":"x"},"id":"resp_1"}"#,
                Some("resp_1"),
            ),
            (json, r#"{"error":{"id":"x"}}"#, None),
            (events, created, Some("resp_1")),
            (events, &format!(": hello\n\ndata: {{\"id\":\"x\"}}\n\n{created}"), Some("resp_1")),
            (events, "data: {\"item\":{\"id\":\"msg_1\"}}\n\ndata: [DONE]\n\n", None),
            ("text/plain", r#"{"id":"x"}"#, None),
        ] {
            for size in [1, 5, body.len()] {
                assert_eq!(id(content_type, body, size).as_deref(), expected, "{body} by {size}");
            }
        }
    }

    #[test]
    fn the_bytes_that_are_read_are_bounded() {
        let far = format!(r#"{{"output":"{}","id":"resp_1"}}"#, "x".repeat(LOOKED_AT));
        assert_eq!(id("application/json", &far, 8192), None);
    }
}
