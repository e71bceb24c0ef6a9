//! JSON lines: a document per line.

use crate::usage::framing::part::{Part, Sink};
use crate::usage::problem::Problem;

#[derive(Debug)]
pub(in crate::usage) struct JsonLines;

impl JsonLines {
    /// Blank lines produce empty documents, which are ignored.
    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Problem> {
        while let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) {
            sink(Part::Data(&bytes[..end]))?;
            sink(Part::End)?;
            bytes = &bytes[end + 1..];
        }
        if bytes.is_empty() { Ok(()) } else { sink(Part::Data(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parts;
    use super::super::{Format, Framing};

    #[test]
    fn each_line_is_a_document() {
        let body = "{\"a\":1}\n\n{\"b\":2}\r\n[1]\n{\"c";
        for chunk in 1..=body.len() {
            let mut framing = Framing::of(Format::JsonLines).unwrap();
            let parts = parts(&mut framing, body.as_bytes(), chunk);
            assert_eq!(parts, "{\"a\":1}||{\"b\":2}||[1]|{\"c", "{chunk}");
        }
    }
}
