//! Unwraps the payload of a `chunk` event of Bedrock: `{"bytes":"…"}`, in base64, contains an event
//! of the model's own API.

use super::base64::Base64;
use crate::usage::framing::part::{Part, Sink};
use crate::usage::problem::Problem;

const KEY: &[u8] = b"\"bytes\"";
/// The number of bytes decoded at a time.
const BUFFER: usize = 512;

#[derive(Clone, Copy, Debug)]
enum State {
    /// The number of matched bytes of the key.
    Key(usize),
    Colon,
    Value,
    InString,
    Escaped,
    /// The rest is padding that hides the length.
    Over,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Wrapped {
    state: State,
    base64: Base64,
}

impl Wrapped {
    pub(super) fn new() -> Self {
        Self { state: State::Key(0), base64: Base64::default() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Problem> {
        let mut buffer = [0; BUFFER];
        let mut length = 0;
        for &byte in bytes {
            self.state = match self.state {
                // A quoted word before a colon is a key: inside a string its quotes would be
                // escaped. The only prefix of it that occurs elsewhere in it is a quote.
                State::Key(matched) => match KEY.get(matched) {
                    Some(expected) if *expected == byte && matched + 1 == KEY.len() => State::Colon,
                    Some(expected) if *expected == byte => State::Key(matched + 1),
                    _ => State::Key(usize::from(byte == b'"')),
                },
                State::Colon if byte == b':' => State::Value,
                State::Value if byte == b'"' => State::InString,
                State::Colon | State::Value if byte.is_ascii_whitespace() => self.state,
                // This was another word, whose last quote may be the first of the key.
                State::Colon | State::Value => State::Key(usize::from(byte == b'"')),
                State::InString if byte == b'"' => State::Over,
                State::InString if byte == b'\\' => State::Escaped,
                // Only the slash may be escaped.
                State::Escaped if byte != b'/' => return Err(Problem::Malformed),
                State::InString | State::Escaped => {
                    if let Some(byte) = self.base64.push(byte)? {
                        buffer[length] = byte;
                        length += 1;
                        if length == BUFFER {
                            sink(Part::Data(&buffer))?;
                            length = 0;
                        }
                    }
                    State::InString
                }
                State::Over => break,
            };
        }
        if length > 0 { sink(Part::Data(&buffer[..length])) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_found_in_any_split() {
        for (payload, plain) in [
            (r#"{"bytes":"Zm9vYmFy","p":"abc"}"#, "foobar"),
            (r#"{ "p" : "bytes", "q":"\"bytes\":", "bytes" : "Zm8=" }"#, "fo"),
            (r#"{"p":"x""bytes":"8J+Yg\/CfmIM="}"#, "\u{1F603}\u{1F603}"),
            (r#"{"p":"bytes"}"#, ""),
            (r#"{"bytes":null}"#, ""),
        ] {
            for chunk in 1..=payload.len() {
                let (mut wrapped, mut out) = (Wrapped::new(), Vec::new());
                for chunk in payload.as_bytes().chunks(chunk) {
                    let keep = &mut |part: Part<'_>| {
                        if let Part::Data(data) = part {
                            out.extend_from_slice(data);
                        }
                        Ok(())
                    };
                    wrapped.push(chunk, keep).unwrap();
                }
                assert_eq!(String::from_utf8_lossy(&out), plain, "{payload} by {chunk}");
            }
        }
        for odd in [r#"{"bytes":"\u0041"}"#, r#"{"bytes":"a b"}"#] {
            let result = Wrapped::new().push(odd.as_bytes(), &mut |_| Ok(()));
            assert_eq!(result, Err(Problem::Malformed), "{odd}");
        }
    }
}
