//! Generations in Redis: which purges an answer has seen.
//!
//! A generation is a random number, set when it is first needed and replaced by a purge. One that is lost
//! is replaced by another, so all that was kept before is lost with it and nothing purged comes back.

use redis::Value;
use sha2::{Digest as _, Sha256};

use crate::control::cache::sealed::{self, KeySeal};
use crate::control::cache::store::Generation;
use crate::control::redis::LinkError;
use crate::util::digest::add_parts;
use crate::util::hex;

/// All that belong to a place, in the order of their names.
#[derive(Clone, Debug)]
pub(super) struct Generations {
    pub(super) everything: Vec<u8>,
    /// Of the gateway and its parts; last that of all purges.
    pub(super) own: Vec<Vec<u8>>,
}

impl Generations {
    /// What an entry is good for: a purge of it or of something that it belongs to is another one.
    pub(super) fn of_entry(&self) -> Generation {
        self.digest(self.own.len().saturating_sub(1))
    }

    /// What an answer under way is good for: a purge of another entry is another one, too.
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

/// By what keys are shown: all that is kept goes with that generation of everything.
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

/// A value that may not be there.
pub(super) fn value(value: Value) -> Result<Option<Vec<u8>>, LinkError> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::SimpleString(text) => Ok(Some(text.into_bytes())),
        _ => Err(LinkError::malformed()),
    }
}

/// So many values.
pub(super) fn values(list: Value, count: usize) -> Result<Vec<Option<Vec<u8>>>, LinkError> {
    match list {
        Value::Array(list) if list.len() == count => list.into_iter().map(value).collect(),
        _ => Err(LinkError::malformed()),
    }
}
