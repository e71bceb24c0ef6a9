//! Ids in a column: a UUID as its bytes.

use rusqlite::Statement;
use rusqlite::types::{FromSqlError, FromSqlResult, Value, ValueRef};

use super::stored::{Stored, bind_value};
use crate::util::hex;

/// A UUID as its 16 bytes, any other text as it is.
pub(super) struct Id;

impl Id {
    /// The stored form of this id.
    pub(super) fn value(id: &str) -> Value {
        match uuid(id) {
            Some(bytes) => Value::Blob(bytes.to_vec()),
            None => Value::Text(id.to_owned()),
        }
    }
}

impl Stored<String> for Id {
    fn bind(value: &String, to: &mut Statement<'_>, at: usize) -> rusqlite::Result<bool> {
        match uuid(value) {
            Some(bytes) => bind_value(&bytes, to, at),
            None => bind_value(value, to, at),
        }
    }

    fn read(value: ValueRef<'_>) -> FromSqlResult<String> {
        match value {
            ValueRef::Blob(bytes) => {
                let bytes = bytes.try_into().map_err(|_| FromSqlError::InvalidType)?;
                Ok(uuid_text(bytes))
            }
            text => text.as_str().map(str::to_owned),
        }
    }
}

const UUID_LENGTH: usize = 36;

/// The bytes of a UUID in its usual form: lower case, with hyphens.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; UUID_LENGTH] = text.as_bytes().try_into().ok()?;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (mut bytes, mut at) = ([0; 16], 0);
    for byte in &mut bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = digit(text[at])? << 4 | digit(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn uuid_text(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(UUID_LENGTH);
    for (number, byte) in bytes.into_iter().enumerate() {
        if matches!(number, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(hex::digits(byte).map(char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_stored_as_16_bytes_and_reads_back() {
        let text = "019ebad4-0001-7abc-8def-0123456789af";
        assert_eq!(uuid_text(uuid(text).unwrap()), text);
        for other in [
            "",
            "019ebad4-0001-7abc-8def-0123456789a",
            "019EBAD4-0001-7abc-8def-0123456789af",
            "019ebad40-001-7abc-8def-0123456789af",
            "019ebad4-0001-7abc-8def-0123456789ag",
            "019ebad4-0001-7abc-8def-0123456789a\u{e9}",
        ] {
            assert_eq!(uuid(other), None, "{other}");
            assert_eq!(Id::value(other), Value::Text(other.to_owned()));
        }
    }
}
