//! Whether a response links to its result. The link would break before the entry expires.

use crate::util::operation::Operation;

/// The start of a URL in JSON. Not `data:`, which contains the result.
const ADDRESS: &[u8] = b"\"http";

/// Looks for URLs in a response as it passes. Bytes may be split anywhere.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// How many bytes of `ADDRESS` have matched.
    matched: usize,
}

impl Links {
    /// For operations that make images or audio: a URL in their responses is that of the result.
    pub(super) fn of(operation: Operation) -> Option<Self> {
        matches!(operation, Operation::Images | Operation::Speech).then(Self::default)
    }

    /// Whether a URL has passed.
    pub(super) fn are_there(&self) -> bool {
        self.matched == ADDRESS.len()
    }

    /// The next bytes, decoded.
    pub(super) fn push(&mut self, plain: &[u8]) {
        for byte in plain {
            match self.matched {
                matched if ADDRESS.get(matched) == Some(byte) => self.matched += 1,
                _ if self.are_there() => return,
                // `ADDRESS` has a quote only at its start.
                _ => self.matched = usize::from(*byte == ADDRESS[0]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_found_and_data_urls_are_not() {
        for (answer, expected) in [
            (r#"{"data":[{"url":"https://a.test/1.png"}]}"#, true),
            (r#"{"data":[{"b64_json":"aHR0cHM="},{"other": "http:\/\/a.test"}]}"#, true),
            (r#"{"a":"\""http://a"#, true),
            (r#"{"data":[{"url":"data:image/png;base64,aHR0cA=="}]}"#, false),
            (r#"{"data":[{"b64_json":"http"}],"revised_prompt":"of https://a.test"}"#, true),
            (r#"{"data":[{"b64_json":"aGVsbG8="}],"revised_prompt":"of https://a.test"}"#, false),
            (r#"{"h":"htt","tp":"""#, false),
        ] {
            for size in [1, 3, answer.len()] {
                let mut links = Links::default();
                answer.as_bytes().chunks(size).for_each(|piece| links.push(piece));
                assert_eq!(links.are_there(), expected, "{size}: {answer}");
            }
        }
    }
}
