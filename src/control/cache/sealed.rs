//! Encrypts keys before logs and operators see them.
//!
//! A key is a digest of the request. Whoever reads a key in a log could guess a request, and check the
//! guess. So logs show keys encrypted, with a secret of the store.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::key::{CacheKey, CacheScope};
use crate::util::digest::add_parts;
use crate::util::hex;
use crate::util::opaque::opaque_debug;

const CHECK: usize = 8;
const LENGTH: usize = CHECK + 32;

/// The secret that encrypts keys for logs. Processes that share entries share it.
#[derive(Clone)]
pub struct KeySeal([u8; 32]);

/// An encrypted key, as logs show it and purges take it: 80 hexadecimal digits, the same for the same key,
/// gateway and seal. Only the store can decrypt it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealedKey([u8; LENGTH]);

/// The text is not 80 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSealed;

impl KeySeal {
    /// A seal with this secret. Whoever knows the secret can decrypt keys.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// A seal with a random secret.
    #[must_use]
    pub fn random() -> Self {
        Self(random())
    }

    /// Encrypts a key.
    #[must_use]
    pub fn seal(&self, gateway: CacheScope, key: CacheKey) -> SealedKey {
        let check = self.check(gateway, key);
        let mut sealed = [0; LENGTH];
        sealed[..CHECK].copy_from_slice(&check);
        sealed[CHECK..].copy_from_slice(&self.masked(check, key.0));
        SealedKey(sealed)
    }

    /// Decrypts a key; `None` if another seal encrypted it, or if it is for another gateway.
    #[must_use]
    pub fn open(&self, gateway: CacheScope, sealed: SealedKey) -> Option<CacheKey> {
        let (check, masked) = sealed.0.split_first_chunk::<CHECK>()?;
        let key = CacheKey(self.masked(*check, masked.try_into().ok()?));
        (self.check(gateway, key) == *check).then_some(key)
    }

    /// Differs for each key, so that no two keys share a mask.
    fn check(&self, gateway: CacheScope, key: CacheKey) -> [u8; CHECK] {
        let digest = self.digest("check", &[&gateway.0, &key.0]);
        std::array::from_fn(|at| digest[at])
    }

    /// Masks or unmasks a key.
    fn masked(&self, check: [u8; CHECK], key: [u8; 32]) -> [u8; 32] {
        let mask = self.digest("mask", &[&check]);
        std::array::from_fn(|at| key[at] ^ mask[at])
    }

    fn digest(&self, what: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix("tower-ai-gateway/cache seal");
        add_parts(&mut digest, &[what.as_bytes(), &self.0]);
        add_parts(&mut digest, parts);
        digest.finalize().into()
    }
}

/// Bytes that nobody can guess from a log. A fast generator will not do: it makes the ids in logs.
pub(super) fn random() -> [u8; 32] {
    let state = RandomState::new();
    let mut random = [0; 32];
    for (number, word) in random.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *word = state.hash_one(number).to_be_bytes();
    }
    random
}

impl fmt::Display for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::Text(&self.0).fmt(f)
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedKey({self})")
    }
}

impl FromStr for SealedKey {
    type Err = NotSealed;

    fn from_str(digits: &str) -> Result<Self, NotSealed> {
        hex::read(digits).map(Self).ok_or(NotSealed)
    }
}

impl fmt::Display for NotSealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of an entry is the 80 hexadecimal digits that the log shows")
    }
}

impl std::error::Error for NotSealed {}

// Whoever has the seal can decrypt keys.
opaque_debug!(KeySeal);

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: CacheScope = CacheScope([1; 16]);

    #[test]
    fn only_its_store_opens_a_key_and_only_for_its_gateway() {
        let (seal, other) = (KeySeal::random(), KeySeal::random());
        let key = CacheKey([7; 32]);
        let sealed = seal.seal(GATEWAY, key);
        assert_eq!(sealed, seal.clone().seal(GATEWAY, key), "the same answer, the same digits");
        assert_eq!(seal.open(GATEWAY, sealed), Some(key));
        assert_eq!(other.open(GATEWAY, sealed), None);
        assert_eq!(seal.open(CacheScope([2; 16]), sealed), None);
        for bit in 0..8 * LENGTH {
            let mut changed = sealed;
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(seal.open(GATEWAY, changed), None, "{bit}");
        }
    }

    /// Even with a known pair of key and sealed key.
    #[test]
    fn no_guess_can_be_tested_without_the_seal() {
        let seal = KeySeal::random();
        let (known, guessed) = (CacheKey([7; 32]), CacheKey([8; 32]));
        let (own, shown) = (seal.seal(GATEWAY, known), seal.seal(GATEWAY, guessed));
        let mask = |key: CacheKey, sealed: SealedKey| {
            std::array::from_fn::<u8, 32, _>(|at| key.0[at] ^ sealed.0[CHECK + at])
        };
        assert_ne!(mask(known, own), mask(guessed, shown));
        assert_ne!(shown, KeySeal::random().seal(GATEWAY, guessed));
        assert!(!format!("{seal:?}").contains(char::is_numeric));
    }

    #[test]
    fn only_a_sealed_key_as_shown_is_parsed() {
        let sealed = KeySeal::random().seal(GATEWAY, CacheKey([7; 32]));
        let shown = sealed.to_string();
        assert_eq!((shown.len(), shown.parse()), (80, Ok(sealed)));
        assert_eq!(shown.to_uppercase().parse(), Ok(sealed));
        for bad in [&shown[1..], &format!("{shown}0"), &shown.replacen(&shown[..1], "g", 1), ""] {
            assert_eq!(bad.parse::<SealedKey>(), Err(NotSealed), "{bad}");
        }
    }
}
