//! Generations in Redis: which purges a place has seen.
//!
//! A generation is a random number. It is set at first use, and each purge replaces it. If Redis loses it,
//! a new one is set: all entries from before are lost, and no purged entry comes back.

use redis::Value;
use sha2::{Digest as _, Sha256};

use crate::control::cache::sealed::{self, KeySeal};
use crate::control::cache::store::Generation;
use crate::control::redis::LinkError;
use crate::util::digest::add_parts;
use crate::util::hex;

/// All generations of a place, in the order of their names.
#[derive(Clone, Debug)]
pub(super) struct Generations {
    pub(super) everything: Vec<u8>,
    /// Those of the gateway and its parts. The last one changes with each purge of a single entry.
    pub(super) own: Vec<Vec<u8>>,
}

impl Generations {
    /// The generation of an entry. It changes if the gateway or one of the entry's parts is purged. A purge
    /// of the entry alone deletes the entry instead.
    pub(super) fn of_entry(&self) -> Generation {
        self.digest(self.own.len().saturating_sub(1))
    }

    /// The generation of a response under way. It also changes if any single entry of the gateway is purged.
    pub(super) fn of_flight(&self) -> Generation {
        self.digest(self.own.len())
    }

    fn digest(&self, count: usize) -> Generation {
        let mut digest = Sha256::new_with_prefix("tower-ai-gateway/cache generation");
        add_parts(&mut digest, &[&self.everything]);
        self.own[..count].iter().for_each(|own| add_parts(&mut digest, &[own]));
        let digest: [u8; 32] = digest.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Generation(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// The seal. It changes with the generation of everything, when all entries are purged, too.
pub(super) fn seal(everything: &[u8]) -> KeySeal {
    let mut digest = Sha256::new_with_prefix("tower-ai-gateway/cache key seal");
    digest.update(everything);
    KeySeal::new(digest.finalize().into())
}

/// A number that no other purge has and nobody can guess.
pub(super) fn random() -> [u8; 32] {
    let mut text = Vec::with_capacity(32);
    hex::push(&mut text, &sealed::random()[..16]);
    let mut random = [0; 32];
    random.copy_from_slice(&text);
    random
}

/// A value that may be missing.
pub(super) fn value(value: Value) -> Result<Option<Vec<u8>>, LinkError> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::SimpleString(text) => Ok(Some(text.into_bytes())),
        _ => Err(LinkError::malformed()),
    }
}

/// A list of `count` values.
pub(super) fn values(list: Value, count: usize) -> Result<Vec<Option<Vec<u8>>>, LinkError> {
    match list {
        Value::Array(list) if list.len() == count => list.into_iter().map(value).collect(),
        _ => Err(LinkError::malformed()),
    }
}
