//! The provider keys that a gateway stores for its clients.

use http::HeaderValue;

use crate::credentials::bare;
use crate::credentials::secret::Secret;
use crate::provider::Upstream;
use crate::settings::digest;

/// The alias used if none is given.
pub(crate) const DEFAULT_ALIAS: &str = "default";

/// One key of one provider.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    /// The provider's slug or an alias of it.
    pub(crate) provider: Box<str>,
    pub(crate) alias: Box<str>,
    pub(crate) secret: Secret,
    /// Its weight among keys of the same provider and alias.
    pub(crate) weight: u32,
    /// Computed once, not per request.
    digest: [u8; 32],
}

impl StoredKey {
    pub(crate) fn new(provider: String, alias: String, secret: Secret, weight: u32) -> Self {
        Self {
            provider: provider.into(),
            alias: alias.into(),
            digest: digest(bare(secret.plain().as_bytes())),
            secret,
            weight,
        }
    }

    /// The digest of the key as sent in its header.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The digest, if the header value is a clone of this key (they then share memory).
    fn digest_of(&self, sent: &HeaderValue) -> Option<&[u8; 32]> {
        let is_sent = |own: &HeaderValue| std::ptr::eq(own.as_bytes(), sent.as_bytes());
        let is_own = is_sent(self.secret.plain()) || is_sent(self.secret.bearer());
        is_own.then_some(&self.digest)
    }
}

/// All keys of a gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(pub(crate) Vec<StoredKey>);

impl Keys {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if there is at most one key.
    pub(crate) fn is_single(&self) -> bool {
        self.0.len() < 2
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &StoredKey> {
        self.0.iter()
    }

    /// The digest of a key in a header. A stored key is not hashed again.
    pub(crate) fn digest(&self, sent: &HeaderValue) -> [u8; 32] {
        let known = self.iter().find_map(|key| key.digest_of(sent));
        known.copied().unwrap_or_else(|| digest(bare(sent.as_bytes())))
    }

    /// Returns true if a provider has several keys under an alias.
    pub(crate) fn has_several(&self, upstream: &Upstream, alias: Option<&str>) -> bool {
        self.of(upstream, alias).nth(1).is_some()
    }

    /// The keys of a provider under an alias. Several are balanced over.
    pub(crate) fn of<'a>(
        &'a self,
        upstream: &'a Upstream,
        alias: Option<&'a str>,
    ) -> impl Iterator<Item = &'a StoredKey> + Clone {
        let alias = alias.unwrap_or(DEFAULT_ALIAS);
        self.0.iter().filter(move |key| *key.alias == *alias && upstream.answers_to(&key.provider))
    }
}
