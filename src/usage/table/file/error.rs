//! A price table that cannot be read.

use std::fmt;

/// A price table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTableError {
    line: usize,
    /// The key, or empty.
    key: String,
    reason: String,
}

impl PriceTableError {
    pub(super) fn new(text: &str, at: usize, key: &str, reason: impl Into<String>) -> Self {
        let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Self { line, key: key.to_owned(), reason: reason.into() }
    }

    pub(super) fn of_json(error: &serde_json::Error) -> Self {
        Self { line: error.line(), key: String::new(), reason: error.to_string() }
    }
}

impl fmt::Display for PriceTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "price table, line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for PriceTableError {}
