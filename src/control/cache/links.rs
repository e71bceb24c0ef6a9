//! Whether an answer says where something is to be fetched, which will not be there for as long as the answer
//! is kept.

use crate::util::operation::Operation;

/// How a text in JSON begins that is the address of something. Not `data:`, which is the thing itself.
const ADDRESS: &[u8] = b"\"http";

/// Looks for addresses in an answer, as it passes. Bytes may be split anywhere.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// How many bytes of an address have passed.
    matched: usize,
}

impl Links {
    /// For calls that make images or audio: an address in their answers is that of what was made.
    pub(super) fn of(operation: Operation) -> Option<Self> {
        matches!(operation, Operation::Images | Operation::Speech).then(Self::default)
    }

    /// Whether one has passed.
    pub(super) fn are_there(&self) -> bool {
        self.matched == ADDRESS.len()
    }

    /// The next bytes, as they are when they are decoded.
    pub(super) fn push(&mut self, plain: &[u8]) {
        for byte in plain {
            match self.matched {
                matched if ADDRESS.get(matched) == Some(byte) => self.matched += 1,
                _ if self.are_there() => return,
                // The quote that begins an address is nowhere else in it.
                _ => self.matched = usize::from(*byte == ADDRESS[0]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_and_data_is_none() {
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
