//! The names of the keys in Redis.
//!
//! Each name begins with `prefix:c1:{gateway}:`, so that all keys of a gateway are in one slot of a
//! cluster. The generation of everything has a slot of its own. Then:
//!
//! ```text
//! g            the generation of the gateway
//! g:PART       that of a provider, a model or a custom key
//! p            that of the purges of single entries
//! n            the number of the last lease
//! e:KEY        an entry, or the list of its chunks
//! e:KEY:ID:N   a chunk
//! l:KEY:GEN    the lease of the leader
//! l:KEY:GEN:TOKEN  the lease of a response that is not stored, and that followers read to its end
//! r:KEY:GEN:TOKEN  the recording: what the leader with this token has broadcast
//! r:KEY:GEN:TOKEN:gone  how many batches were dropped from the front of the recording
//! ```

use crate::control::cache::key::{CacheKey, CachePlace, CacheScope};
use crate::control::cache::store::Generation;
use crate::util::hex;

/// The name of a key.
pub(super) type Name = Vec<u8>;

#[derive(Debug)]
pub(super) struct Names {
    prefix: Box<str>,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: format!("{prefix}:c1:{{").into() }
    }

    /// The generation of everything.
    pub(super) fn everything(&self) -> Name {
        [self.prefix.as_bytes(), b"all}:g"].concat()
    }

    /// The generation of a gateway.
    pub(super) fn gateway(&self, gateway: CacheScope) -> Name {
        let mut name = self.start(gateway, 2);
        name.push(b'g');
        name
    }

    /// The generation of a part of a gateway.
    pub(super) fn part(&self, gateway: CacheScope, part: CacheScope) -> Name {
        let mut name = self.gateway(gateway);
        name.push(b':');
        hex::push(&mut name, &part.0);
        name
    }

    /// The generation that changes with each purge of a single entry of a gateway.
    pub(super) fn purges(&self, gateway: CacheScope) -> Name {
        let mut name = self.start(gateway, 1);
        name.push(b'p');
        name
    }

    /// All generations of a place except that of everything. The last is that of single purges.
    pub(super) fn generations(&self, place: &CachePlace) -> Vec<Name> {
        let parts = [Some(place.provider), Some(place.model), place.custom];
        let mut names = vec![self.gateway(place.gateway)];
        names.extend(parts.into_iter().flatten().map(|part| self.part(place.gateway, part)));
        names.push(self.purges(place.gateway));
        names
    }

    pub(super) fn counter(&self, gateway: CacheScope) -> Name {
        let mut name = self.start(gateway, 1);
        name.push(b'n');
        name
    }

    pub(super) fn entry(&self, gateway: CacheScope, key: CacheKey) -> Name {
        let mut name = self.start(gateway, 66);
        name.extend_from_slice(b"e:");
        hex::push(&mut name, &key.0);
        name
    }

    pub(super) fn lease(&self, place: &CachePlace, generation: Generation) -> Name {
        self.of_flight(b"l:", place, generation)
    }

    /// The lease of a response that is not stored, but still broadcast.
    pub(super) fn own_lease(
        &self,
        place: &CachePlace,
        generation: Generation,
        token: &[u8],
    ) -> Name {
        self.of_token(b"l:", place, generation, token)
    }

    pub(super) fn recording(
        &self,
        place: &CachePlace,
        generation: Generation,
        token: &[u8],
    ) -> Name {
        self.of_token(b"r:", place, generation, token)
    }

    fn of_token(
        &self,
        kind: &[u8],
        place: &CachePlace,
        generation: Generation,
        token: &[u8],
    ) -> Name {
        let mut name = self.of_flight(kind, place, generation);
        name.push(b':');
        name.extend_from_slice(token);
        name
    }

    fn of_flight(&self, kind: &[u8], place: &CachePlace, generation: Generation) -> Name {
        let mut name = self.start(place.gateway, 128);
        name.extend_from_slice(kind);
        hex::push(&mut name, &place.key.0);
        name.push(b':');
        hex::push(&mut name, &generation.0.to_be_bytes());
        name
    }

    fn start(&self, gateway: CacheScope, more: usize) -> Name {
        let mut name = Vec::with_capacity(self.prefix.len() + 34 + more);
        name.extend_from_slice(self.prefix.as_bytes());
        hex::push(&mut name, &gateway.0);
        name.extend_from_slice(b"}:");
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_gateway_have_one_hash_tag_and_a_version() {
        let names = Names::new("taig");
        let scope = |byte| CacheScope([byte; 16]);
        let place = CachePlace {
            key: CacheKey([0xab; 32]),
            gateway: scope(1),
            provider: scope(2),
            model: scope(3),
            custom: Some(scope(4)),
        };
        let generation = Generation(0xcd);
        let mut all = names.generations(&place);
        all.push(names.counter(place.gateway));
        all.push(names.entry(place.gateway, place.key));
        all.push(names.lease(&place, generation));
        all.push(names.own_lease(&place, generation, b"1-2"));
        all.push(names.recording(&place, generation, b"1-2"));
        let all: Vec<_> = all.into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
        let key = "ab".repeat(32);
        let start = format!("taig:c1:{{{}}}:", "01".repeat(16));
        let expected = [
            "g".to_owned(),
            format!("g:{}", "02".repeat(16)),
            format!("g:{}", "03".repeat(16)),
            format!("g:{}", "04".repeat(16)),
            "p".to_owned(),
            "n".to_owned(),
            format!("e:{key}"),
            format!("l:{key}:00000000000000cd"),
            format!("l:{key}:00000000000000cd:1-2"),
            format!("r:{key}:00000000000000cd:1-2"),
        ];
        assert_eq!(all, expected.map(|end| format!("{start}{end}")));
        assert_eq!(names.everything(), b"taig:c1:{all}:g");
    }
}
