//! Decodes base64 that may be split anywhere.

use crate::usage::problem::Problem;

/// The bits of an incomplete byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Base64 {
    bits: u32,
    length: u32,
    /// Padding has started: nothing else may follow.
    is_over: bool,
}

impl Base64 {
    /// Adds a letter. Returns the byte that it completes, if any.
    #[inline]
    pub(super) fn push(&mut self, letter: u8) -> Result<Option<u8>, Problem> {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                self.is_over = true;
                return Ok(None);
            }
            _ => return Err(Problem::Malformed),
        };
        if self.is_over {
            return Err(Problem::Malformed);
        }
        self.bits = self.bits << 6 | u32::from(value);
        self.length += 6;
        if self.length < 8 {
            return Ok(None);
        }
        self.length -= 8;
        let byte = (self.bits >> self.length) as u8;
        self.bits &= (1 << self.length) - 1;
        Ok(Some(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Option<Vec<u8>> {
        let mut base64 = Base64::default();
        let bytes = text.bytes().map(|letter| base64.push(letter));
        bytes.filter_map(Result::transpose).collect::<Result<_, _>>().ok()
    }

    #[test]
    fn the_vectors_of_the_standard() {
        for (text, plain) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg==", b"foob"),
            ("Zm9vYmE=", b"fooba"),
            ("Zm9vYmFy", b"foobar"),
            ("+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(plain), "{text}");
        }
        for odd in ["Zg==Zg==", "Z g=", "-_", "\u{e9}"] {
            assert_eq!(decode(odd), None, "{odd}");
        }
    }
}
