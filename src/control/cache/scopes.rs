//! What a purge can name, as digests: gateway, provider, model, custom key.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::settings::canonical_model;
use crate::util::hex;

/// A digest of what a purge can name: a gateway, or a provider, a model or a custom key of a gateway. It
/// reveals no name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheScope(pub [u8; 16]);

impl fmt::Debug for CacheScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheScope({})", hex::Text(&self.0[..4]))
    }
}

/// The scope of a gateway of an account.
pub(super) fn of_gateway(account: Option<&str>, gateway: &str) -> CacheScope {
    // An empty account name differs from no account.
    let length = account.map_or(u64::MAX, |account| account.len() as u64);
    let digest = Sha256::new_with_prefix("cache/gateway").chain_update(length.to_be_bytes());
    first_half(digest.chain_update(account.unwrap_or_default()).chain_update(gateway))
}

/// The scope of a provider within a gateway, by its slug.
pub(super) fn of_provider(gateway: CacheScope, slug: &str) -> CacheScope {
    part("cache/provider", gateway, slug)
}

/// The scope of a model within a gateway, whatever its spelling. Empty: requests whose model is unknown.
pub(super) fn of_model(gateway: CacheScope, model: &str) -> CacheScope {
    part("cache/model", gateway, &canonical_model(model))
}

/// The scope of a custom key within a gateway.
pub(super) fn of_custom(gateway: CacheScope, custom: &str) -> CacheScope {
    part("cache/custom", gateway, custom)
}

/// Unambiguous: no kind is a prefix of another, and only the name varies in length.
fn part(kind: &str, gateway: CacheScope, name: &str) -> CacheScope {
    first_half(Sha256::new_with_prefix(kind).chain_update(gateway.0).chain_update(name))
}

fn first_half(digest: Sha256) -> CacheScope {
    let digest = digest.finalize();
    CacheScope(std::array::from_fn(|at| digest[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_names_have_different_scopes() {
        let gateway = of_gateway(Some("a"), "b");
        let all = [
            gateway,
            of_gateway(None, "b"),
            of_gateway(Some(""), "b"),
            of_gateway(Some("ab"), ""),
            of_gateway(Some("b"), "a"),
            of_provider(gateway, "x"),
            of_model(gateway, "x"),
            of_custom(gateway, "x"),
            of_custom(gateway, "X"),
            of_model(of_gateway(None, "b"), "x"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other != one), "{at}");
        }
        for name in ["X", " models/x "] {
            assert_eq!(of_model(gateway, name), of_model(gateway, "x"), "{name}");
        }
    }
}
