//! What a pool is found by.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Whose requests share a pool. `S` is the text of names: borrowed, or kept with the pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum GateKey<S> {
    /// Those of a gateway, known by the scope of its settings.
    Gateway(u64),
    /// Those of a gateway to one provider.
    Provider(u64, S),
    /// Those of a gateway with one credential, known by its digest.
    Credential(u64, [u8; 32]),
    /// Those to which the host's rule of this number gives this name.
    Host(usize, S),
}

impl<S: AsRef<str>> GateKey<S> {
    /// The same with names of another kind.
    fn names<'n, T: From<&'n str>>(&'n self) -> GateKey<T> {
        match self {
            Self::Gateway(scope) => GateKey::Gateway(*scope),
            Self::Provider(scope, slug) => GateKey::Provider(*scope, slug.as_ref().into()),
            Self::Credential(scope, digest) => GateKey::Credential(*scope, *digest),
            Self::Host(rule, name) => GateKey::Host(*rule, name.as_ref().into()),
        }
    }

    pub(super) fn to_kept(&self) -> GateKey<Box<str>> {
        self.names()
    }
}

/// Lets a kept key be found by a borrowed one.
pub(super) trait AsGateKey {
    fn as_key(&self) -> GateKey<&str>;
}

impl<S: AsRef<str>> AsGateKey for GateKey<S> {
    fn as_key(&self) -> GateKey<&str> {
        self.names()
    }
}

impl Hash for dyn AsGateKey + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_key().hash(state);
    }
}

impl PartialEq for dyn AsGateKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.as_key() == other.as_key()
    }
}

impl Eq for dyn AsGateKey + '_ {}

impl<'a> Borrow<dyn AsGateKey + 'a> for GateKey<Box<str>> {
    fn borrow(&self) -> &(dyn AsGateKey + 'a) {
        self
    }
}

// Names are the host's: they may be secrets.
impl<S: fmt::Debug> fmt::Debug for GateKey<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(..) => f.write_str("Gateway"),
            Self::Provider(_, slug) => f.debug_tuple("Provider").field(slug).finish(),
            Self::Credential(..) => f.write_str("Credential"),
            Self::Host(rule, _) => f.debug_tuple("Host").field(rule).finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_kept_key_is_found_by_a_borrowed_one_and_by_no_other() {
        let keys = [
            GateKey::Gateway(1),
            GateKey::Gateway(2),
            GateKey::Provider(1, ""),
            GateKey::Provider(1, "c"),
            GateKey::Provider(2, "c"),
            GateKey::Credential(1, [0; 32]),
            GateKey::Credential(1, [1; 32]),
            GateKey::Host(0, "a"),
            GateKey::Host(1, "a"),
        ];
        let kept: HashMap<_, _> =
            keys.iter().enumerate().map(|(at, key)| (key.to_kept(), at)).collect();
        for (at, key) in keys.iter().enumerate() {
            let key: &dyn AsGateKey = key;
            assert_eq!(kept.get(key), Some(&at));
        }
        assert_eq!(format!("{:?}", keys[6]), "Credential", "no digest is shown");
        assert!(!format!("{:?}", GateKey::Host(0, "LEAK")).contains("LEAK"));
    }
}
