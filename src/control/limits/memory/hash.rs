//! A hasher for keys that are digests.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Hashes digests, which are uniform already, with one multiplication for each 8 bytes. The seeds
/// are random, so that nobody can look for digests that collide.
#[derive(Clone, Debug)]
pub(crate) struct DigestHash {
    seeds: [u64; 2],
}

impl DigestHash {
    pub(crate) fn new() -> Self {
        Self { seeds: [0, 1].map(|number| RandomState::new().hash_one(number)) }
    }
}

impl BuildHasher for DigestHash {
    type Hasher = DigestHasher;

    fn build_hasher(&self) -> DigestHasher {
        // An even factor would lose bits.
        DigestHasher { hash: self.seeds[0], factor: self.seeds[1] | 1 }
    }
}

pub(crate) struct DigestHasher {
    hash: u64,
    factor: u64,
}

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.hash ^ word) * u128::from(self.factor);
        self.hash = (product >> 64) as u64 ^ product as u64;
    }

    /// Ignores the lengths of arrays, which are the same for all keys.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.hash
    }
}
