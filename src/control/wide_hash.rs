//! A hash of 128 bits with random seeds, for maps whose keys may be secrets.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher, RandomState};

/// The seeds of hashes: no two processes hash alike, and nobody can construct two keys of one hash.
pub(super) struct Seeds([RandomState; 2]);

impl Seeds {
    pub(super) fn new() -> Self {
        Self([RandomState::new(), RandomState::new()])
    }

    /// The hash of what `write` writes.
    pub(super) fn hash(&self, write: impl FnOnce(&mut WideHasher)) -> u128 {
        let hashers = self.0.each_ref().map(BuildHasher::build_hasher);
        let mut hasher = WideHasher { hashers, gathered: [0; GATHERED], length: 0 };
        write(&mut hasher);
        hasher.flush();
        let [high, low] = hasher.hashers.map(|hasher| u128::from(hasher.finish()));
        high << 64 | low
    }
}

const GATHERED: usize = 64;

/// Writes to two hashers. It gathers small parts, as each write costs them more than its bytes.
pub(super) struct WideHasher {
    hashers: [DefaultHasher; 2],
    gathered: [u8; GATHERED],
    length: usize,
}

impl WideHasher {
    fn flush(&mut self) {
        let gathered = &self.gathered[..self.length];
        self.hashers.iter_mut().for_each(|hasher| hasher.write(gathered));
        self.length = 0;
    }
}

impl Hasher for WideHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        if bytes.len() > GATHERED - self.length {
            self.flush();
        }
        match self.gathered[self.length..].get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.hashers.iter_mut().for_each(|hasher| hasher.write(bytes)),
        }
    }

    /// Half of the hash. [`Seeds::hash`] returns all of it.
    fn finish(&self) -> u64 {
        let [mut half, _] = self.hashers.clone();
        half.write(&self.gathered[..self.length]);
        half.finish()
    }
}

/// For maps whose keys are such hashes: they need no further hashing.
pub(super) type Hashed = BuildHasherDefault<Half>;

#[derive(Default)]
pub(super) struct Half(u64);

impl Hasher for Half {
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_the_bytes_count_and_not_the_writes(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..6),
            other in any::<prop::sample::Index>(),
        ) {
            let seeds = Seeds::new();
            let hash = |bytes: &[u8]| seeds.hash(|hasher| hasher.write(bytes));
            let whole = parts.concat();
            let in_parts = seeds.hash(|hasher| parts.iter().for_each(|part| hasher.write(part)));
            prop_assert_eq!(in_parts, hash(&whole));
            seeds.hash(|hasher| {
                hasher.write(&whole);
                assert_eq!(u128::from(hasher.finish()), in_parts >> 64);
            });
            if !whole.is_empty() {
                let mut changed = whole.clone();
                changed[other.index(whole.len())] ^= 1;
                prop_assert_ne!(hash(&changed), hash(&whole));
            }
        }
    }
}
