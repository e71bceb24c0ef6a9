//! The providers' keys that a gateway keeps for its clients.

use crate::provider::Upstream;
use crate::secret::Secret;

/// The alias of a key that is meant where none is named.
pub(crate) const DEFAULT_ALIAS: &str = "default";

/// One key of one provider.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    /// The provider's slug or an alias of it.
    pub(crate) provider: Box<str>,
    pub(crate) alias: Box<str>,
    pub(crate) secret: Secret,
    /// How much of the load it takes beside others of the same provider and alias.
    pub(crate) weight: u32,
}

/// All keys of a gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(pub(super) Vec<StoredKey>);

impl Keys {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &StoredKey> {
        self.0.iter()
    }

    /// The keys of a provider under an alias: one, or several that share its load.
    pub(crate) fn of<'a>(
        &'a self,
        upstream: &'a Upstream,
        alias: Option<&'a str>,
    ) -> impl Iterator<Item = &'a StoredKey> + Clone {
        let alias = alias.unwrap_or(DEFAULT_ALIAS);
        self.0.iter().filter(move |key| *key.alias == *alias && upstream.answers_to(&key.provider))
    }
}
