//! Ids of exchanges: 128 bits, ordered by time, written as a ULID or as a UUIDv7.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Crockford's base 32, the alphabet of a ULID.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HEX: &[u8; 16] = b"0123456789abcdef";
/// Where the bytes of a UUID stand in its text, hyphens between them.
const HEX_AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The id of one exchange: 48 bits of milliseconds since 1970, then 80 random bits.
///
/// It is unique for practical purposes, not secret: the random bits come from a fast generator of
/// the thread. `Display` writes the 26 characters of a [ULID](https://github.com/ulid/spec).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(u128);

impl LogId {
    pub(crate) fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = since_1970.as_millis() & 0xFFFF_FFFF_FFFF;
        let random = u128::from(fastrand::u64(..)) << 16 | u128::from(fastrand::u16(..));
        Self(milliseconds << 80 | random)
    }

    /// When the exchange began, to the millisecond.
    #[must_use]
    pub fn timestamp(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis((self.0 >> 80) as u64)
    }

    pub(crate) fn ulid(self) -> [u8; 26] {
        // In 64 bits at a time: 10 characters of time, then twice 8 of the random bits.
        let mut text = [0; 26];
        base32((self.0 >> 80) as u64, &mut text[..10]);
        base32((self.0 >> 40) as u64, &mut text[10..18]);
        base32(self.0 as u64, &mut text[18..]);
        text
    }

    /// The same instant and random bits as a UUIDv7 (RFC 9562 §5.7).
    pub(crate) fn uuid_v7(self) -> [u8; 36] {
        let id = self.0 & !(0xF << 76) & !(0b11 << 62) | 0x7 << 76 | 0b10 << 62;
        let mut text = [b'-'; 36];
        for (byte, at) in id.to_be_bytes().into_iter().zip(HEX_AT) {
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 15)];
        }
        text
    }
}

/// The lowest bits of `number`, five a character.
fn base32(mut number: u64, text: &mut [u8]) {
    for byte in text.iter_mut().rev() {
        *byte = CROCKFORD[(number & 31) as usize];
        number >>= 5;
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ulid().iter().try_for_each(|&byte| fmt::Write::write_char(f, char::from(byte)))
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
    fn the_same_bits_as_ulid_and_as_uuid() {
        let id = LogId(0x0192_3456_789A_BCDE_F012_3456_789A_BCDE);
        let since_1970 = id.timestamp().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(since_1970.as_millis(), 0x0192_3456_789A);
        assert_eq!(id.to_string(), "01J8T5CY4TQKFF04HMASW9NF6Y");
        assert_eq!(&id.uuid_v7(), b"01923456-789a-7cde-b012-3456789abcde");
    }

    #[test]
    fn ids_are_ordered_by_time_and_differ() {
        let before = LogId::new();
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| LogId::new()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.0 >> 80 >= before.0 >> 80));
    }
}
