//! What an answer is kept under.

use std::fmt;

use http::Request;
use sha2::{Digest as _, Sha256};

use super::asked::Policy;
use crate::context::GatewayContext;
use crate::util::digest::add_parts;

/// A digest of all that can change an answer: 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(pub [u8; 32]);

/// What entries can be purged by: a digest of a gateway, of a provider or model of one, or of a custom
/// key of one. Nothing can be read from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheScope(pub [u8; 16]);

/// Where an answer is kept: its key, and what it can be purged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePlace {
    /// What finds it.
    pub key: CacheKey,
    /// Of the account and the gateway: entries with the same one can be kept together.
    pub gateway: CacheScope,
    /// Of the provider within the gateway.
    pub provider: CacheScope,
    /// Of the model within the gateway.
    pub model: CacheScope,
    /// Of the custom key within the gateway, where the request has one.
    pub custom: Option<CacheScope>,
}

/// The first 16 hexadecimal digits.
impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({self})")
    }
}

impl fmt::Debug for CacheScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheScope(")?;
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// Puts a key together: the head of a request first, then its body as it is read.
pub(super) struct KeyMaker {
    digest: Sha256,
    body_bytes: u64,
    has_custom: bool,
}

impl KeyMaker {
    pub(super) fn new<B>(request: &Request<B>, context: &GatewayContext, policy: &Policy) -> Self {
        let mut digest = Sha256::new_with_prefix("tower-ai-gateway/cache/1");
        let gateway = context.gateway().as_bytes();
        let custom = policy.custom.as_deref().unwrap_or_default().as_bytes();
        add_parts(&mut digest, &[gateway, request.uri().path().as_bytes(), custom]);
        Self { digest, body_bytes: 0, has_custom: policy.custom.is_some() }
    }

    /// The next bytes of the body. A custom key stands for the body.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.body_bytes += data.len() as u64;
        if !self.has_custom {
            self.digest.update(data);
        }
    }

    pub(super) fn finish(mut self) -> CachePlace {
        self.digest.update(self.body_bytes.to_be_bytes());
        let key = CacheKey(self.digest.finalize().into());
        let none = CacheScope([0; 16]);
        CachePlace { key, gateway: none, provider: none, model: none, custom: None }
    }
}
