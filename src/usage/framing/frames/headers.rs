//! The headers of a frame: what its payload is, or how the stream failed.

use std::ops::Range;

/// The positions of header values.
#[derive(Debug, Default)]
pub(super) struct HeaderValues {
    event: Range<usize>,
    exception: Option<Range<usize>>,
    error: Option<Range<usize>>,
}

impl HeaderValues {
    /// `None` if the headers are malformed.
    pub(super) fn read(headers: &[u8]) -> Option<Self> {
        let mut values = Self::default();
        let mut rest = headers;
        while let Some((length, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(usize::from(*length))?;
            let (kind, after) = after.split_first()?;
            let (length, after) = match kind {
                // True and false.
                0 | 1 => (0, after),
                2 => (1, after),
                3 => (2, after),
                4 => (4, after),
                // A long integer, a time.
                5 | 8 => (8, after),
                // Bytes, a string.
                6 | 7 => {
                    let (length, after) = after.split_first_chunk()?;
                    (usize::from(u16::from_be_bytes(*length)), after)
                }
                // A UUID.
                9 => (16, after),
                _ => return None,
            };
            let start = headers.len() - after.len();
            rest = after.split_at_checked(length)?.1;
            let value = start..start + length;
            match (name, kind) {
                (b":event-type", 7) => values.event = value,
                (b":exception-type", 7) => values.exception = Some(value),
                (b":error-code", 7) => values.error = Some(value),
                (b":message-type", 7) if &headers[value.clone()] == b"error" => {
                    values.error.get_or_insert(value);
                }
                (b":message-type", 7) if &headers[value.clone()] == b"exception" => {
                    values.exception.get_or_insert(value);
                }
                _ => {}
            }
        }
        Some(values)
    }

    pub(super) fn event<'a>(&self, headers: &'a [u8]) -> &'a [u8] {
        headers.get(self.event.clone()).unwrap_or_default()
    }

    pub(super) fn failure<'a>(&self, headers: &'a [u8]) -> Option<&'a [u8]> {
        let code = self.exception.as_ref().or(self.error.as_ref())?;
        headers.get(code.clone())
    }
}
