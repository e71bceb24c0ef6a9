//! Collects the parts of a digest, to hash them at once.

use sha2::{Digest as _, Sha256};

/// Enough for the head of most requests.
const USUAL: usize = 1024;

/// Parts with their lengths, so that different lists never give the same bytes.
pub(super) struct Parts(Vec<u8>);

impl Parts {
    /// `kind`: what is hashed, so that digests of different kinds differ.
    pub(super) fn new(kind: &str) -> Self {
        let mut parts = Self(Vec::with_capacity(USUAL));
        parts.add(kind.as_bytes());
        parts
    }

    pub(super) fn add(&mut self, part: &[u8]) {
        self.count(part.len());
        self.0.extend_from_slice(part);
    }

    /// An optional part: a missing one differs from an empty one.
    pub(super) fn add_option(&mut self, part: Option<&[u8]>) {
        self.0.push(u8::from(part.is_some()));
        self.add(part.unwrap_or_default());
    }

    /// A number: of the parts that follow, or of the bytes of the next part.
    pub(super) fn count(&mut self, count: usize) {
        match u8::try_from(count) {
            Ok(count) if count < u8::MAX => self.0.push(count),
            _ => {
                self.0.push(u8::MAX);
                self.0.extend_from_slice(&(count as u64).to_be_bytes());
            }
        }
    }

    /// The digest, to which more can be added.
    pub(super) fn digest(&self) -> Sha256 {
        Sha256::new_with_prefix(&self.0)
    }

    /// The digest.
    pub(super) fn finish(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_lists_have_different_digests() {
        let of = |parts: &[&[u8]]| {
            let mut all = Parts::new("test");
            parts.iter().for_each(|part| all.add(part));
            all.finish()
        };
        let long = [7; 300];
        let all = [
            of(&[b"ab", b"c"]),
            of(&[b"a", b"bc"]),
            of(&[b"abc"]),
            of(&[b"abc", b""]),
            of(&[&long[..254]]),
            of(&[&long[..255]]),
            of(&[&long[..256]]),
            of(&[&long[..255], &long[..1]]),
            of(&[&long]),
            of(&[&long[..150], &long[..150]]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other != one), "{at}");
        }
    }

    #[test]
    fn a_missing_part_differs_from_an_empty_one() {
        let of = |part: Option<&[u8]>| {
            let mut all = Parts::new("test");
            all.add_option(part);
            (all.finish(), all.digest().finalize())
        };
        assert_ne!(of(None).0, of(Some(b"")).0);
        let (whole, begun) = of(Some(b"a"));
        assert_eq!(whole[..], begun[..]);
    }
}
