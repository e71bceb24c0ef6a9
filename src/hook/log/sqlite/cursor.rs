//! The position in the log where a page ends and the next begins.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::LogStoreError;

/// A position between two records, which stays valid while others are written. Its text is opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) created_at: i64,
    pub(super) seq: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_at, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = LogStoreError;

    fn from_str(text: &str) -> Result<Self, LogStoreError> {
        let numbers = text.split_once('.').and_then(|(created_at, seq)| {
            Some(Self { created_at: created_at.parse().ok()?, seq: seq.parse().ok()? })
        });
        numbers.ok_or(LogStoreError::Invalid("the cursor does not come from a page of this log"))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_parses_only_its_own_text() {
        let cursor = Cursor { created_at: -5, seq: i64::MAX };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        for text in ["", ".", "1", "1.", ".1", "1.2.3", "1.x", "99999999999999999999.1", "1.1 "] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
