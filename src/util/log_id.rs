//! Ids of exchanges: UUIDv7, ordered by time.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;

use crate::util::hex;

/// The positions of a UUID's bytes in its text, between hyphens.
const HEX_AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const VERSION_7: u128 = 0x7 << 76;
const VARIANT: u128 = 0b10 << 62;
const RANDOM: u128 = (0xFFF << 64) | ((1 << 62) - 1);

/// The id of an exchange: a UUIDv7 (RFC 9562 §5.7) with 48 bits of milliseconds since 1970 and 74
/// random bits.
///
/// It is unique for practical purposes, but not secret: the random bits come from a fast
/// thread-local generator. `Display` writes lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(u128);

impl LogId {
    pub(crate) fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = since_1970.as_millis() & 0xFFFF_FFFF_FFFF;
        let random = u128::from(fastrand::u64(..)) << 16 | u128::from(fastrand::u16(..));
        Self(milliseconds << 80 | VERSION_7 | VARIANT | random & RANDOM)
    }

    /// When the exchange began, to the millisecond.
    #[must_use]
    pub fn timestamp(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis((self.0 >> 80) as u64)
    }

    fn text(self) -> [u8; 36] {
        let mut text = [b'-'; 36];
        for (byte, at) in self.0.to_be_bytes().into_iter().zip(HEX_AT) {
            [text[at], text[at + 1]] = hex::digits(byte);
        }
        text
    }

    pub(crate) fn header_value(self) -> HeaderValue {
        // It will be cloned. `from_owner` allocates once; a copied `Bytes` allocates again on its
        // first clone.
        let text = Bytes::from_owner(self.text());
        // Cannot fail: these are hexadecimal digits and hyphens.
        HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_7() {
        let id = LogId(0x0192_3456_789A_7CDE_B012_3456_789A_BCDE);
        let since_1970 = id.timestamp().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(since_1970.as_millis(), 0x0192_3456_789A);
        assert_eq!(id.to_string(), "01923456-789a-7cde-b012-3456789abcde");
        assert_eq!(id.header_value(), "01923456-789a-7cde-b012-3456789abcde");
    }

    #[test]
    fn ids_are_ordered_by_time_and_differ() {
        let before = LogId::new();
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| LogId::new()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.0 >> 80 >= before.0 >> 80));
        assert!(ids.iter().all(|id| id.0 >> 76 & 0xF == 7 && id.0 >> 62 & 0b11 == 0b10));
        let told = ids.iter().fold(0, |bits, id| bits | id.0);
        assert_eq!(told & RANDOM, RANDOM, "all random bits are used");
    }
}
