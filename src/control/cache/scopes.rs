//! The parts of a cache that can be purged, as digests: gateway, provider, model, custom key.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::settings::canonical_model;
use crate::util::digest::add_parts;
use crate::util::hex;

/// What entries can be purged by: a digest of a gateway, of a provider or model of one, or of a custom
/// key of one. Nothing can be read from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheScope(pub [u8; 16]);

impl fmt::Debug for CacheScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheScope({})", hex::Text(&self.0[..4]))
    }
}

/// Of an account and a gateway.
pub(super) fn of_gateway(account: Option<&str>, gateway: &str) -> CacheScope {
    let account = account.map(str::as_bytes);
    // An account of no name is another one than none.
    let has_account = [u8::from(account.is_some())];
    digest("gateway", &[&has_account, account.unwrap_or_default(), gateway.as_bytes()])
}

/// Of a provider within a gateway, by its slug.
pub(super) fn of_provider(gateway: CacheScope, slug: &str) -> CacheScope {
    digest("provider", &[&gateway.0, slug.as_bytes()])
}

/// Of a model within a gateway, however it is written; of an empty name, of requests that name none.
pub(super) fn of_model(gateway: CacheScope, model: &str) -> CacheScope {
    digest("model", &[&gateway.0, canonical_model(model).as_bytes()])
}

/// Of a custom key within a gateway.
pub(super) fn of_custom(gateway: CacheScope, custom: &str) -> CacheScope {
    digest("custom", &[&gateway.0, custom.as_bytes()])
}

fn digest(kind: &str, parts: &[&[u8]]) -> CacheScope {
    let mut digest = Sha256::new_with_prefix("tower-ai-gateway/cache-scope/1");
    add_parts(&mut digest, &[kind.as_bytes()]);
    add_parts(&mut digest, parts);
    let all: [u8; 32] = digest.finalize().into();
    let mut scope = [0; 16];
    scope.copy_from_slice(&all[..16]);
    CacheScope(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_are_one_scope() {
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
