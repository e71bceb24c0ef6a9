//! Where keys come from that the gateway does not keep itself.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tower::BoxError;

use crate::identity::Identity;
use crate::settings::Secret;
use crate::settings::keys::DEFAULT_ALIAS;

/// A secret manager, asked for the key of a provider.
///
/// ```
/// use std::time::Duration;
/// use tower::BoxError;
/// use tower_ai_gateway::control::{FetchedKey, KeyQuery, KeySource};
/// use tower_ai_gateway::settings::Secret;
///
/// struct Vault;
///
/// impl KeySource for Vault {
///     async fn fetch(&self, query: KeyQuery) -> Result<Option<FetchedKey>, BoxError> {
///         let path = format!("{}/{}", query.gateway, query.provider);
///         // … ask the vault for `path` …
///         # let _ = path;
///         let key = Secret::new("example-key")?;
///         Ok(Some(FetchedKey::new(key, Duration::from_secs(300))))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `KeySource`",
    note = "implement the trait: an async method `fetch` from a `KeyQuery` to a key"
)]
pub trait KeySource: Send + Sync + 'static {
    /// The key for a provider, or `None` where there is none.
    ///
    /// At most one call is under way for each query; what waits for it shares its result.
    ///
    /// # Errors
    ///
    /// Whatever keeps the source from knowing. It is not remembered: the next request asks again.
    fn fetch(
        &self,
        query: KeyQuery,
    ) -> impl Future<Output = Result<Option<FetchedKey>, BoxError>> + Send;

    /// Whether keys depend on who is calling. Default: `true`: queries have the [`Identity`], and a
    /// key that was fetched for one is used for no other. It is asked once, by
    /// [`KeyLayer::new`](super::KeyLayer::new).
    ///
    /// A source whose keys are the same for all callers of a gateway returns `false`: queries then
    /// have no identity, and all callers share what was fetched.
    fn depends_on_identity(&self) -> bool {
        true
    }
}

impl<K: KeySource> KeySource for Arc<K> {
    fn fetch(
        &self,
        query: KeyQuery,
    ) -> impl Future<Output = Result<Option<FetchedKey>, BoxError>> + Send {
        (**self).fetch(query)
    }

    fn depends_on_identity(&self) -> bool {
        (**self).depends_on_identity()
    }
}

/// Whose key is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct KeyQuery {
    /// The account in the path; `None` on mounts without one.
    pub account: Option<Box<str>>,
    /// The gateway.
    pub gateway: Box<str>,
    /// The provider's slug.
    pub provider: Box<str>,
    /// The base URL at which the provider is asked: a key for one place is not used at another.
    pub base_url: Box<str>,
    /// `cf-aig-byok-alias`, or what the step of a fallback says, else `default`.
    pub alias: Box<str>,
    /// Who is calling, where the host has said so and the source's keys
    /// [depend on it](KeySource::depends_on_identity).
    pub identity: Option<Identity>,
}

impl KeyQuery {
    /// A query for the key `default` of a provider, to try a source with. It has no account, base URL
    /// or identity.
    #[must_use]
    pub fn new(gateway: impl Into<Box<str>>, provider: impl Into<Box<str>>) -> Self {
        Self {
            account: None,
            gateway: gateway.into(),
            provider: provider.into(),
            base_url: Box::default(),
            alias: DEFAULT_ALIAS.into(),
            identity: None,
        }
    }

    /// The same of this account.
    #[must_use]
    pub fn account(self, account: impl Into<Box<str>>) -> Self {
        Self { account: Some(account.into()), ..self }
    }

    /// The same for a provider at this base URL.
    #[must_use]
    pub fn base_url(self, base_url: impl Into<Box<str>>) -> Self {
        Self { base_url: base_url.into(), ..self }
    }

    /// The same for the key of this alias.
    #[must_use]
    pub fn alias(self, alias: impl Into<Box<str>>) -> Self {
        Self { alias: alias.into(), ..self }
    }

    /// The same from this caller.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }
}

/// A key, and for how long it may be used without asking again.
#[derive(Clone)]
pub struct FetchedKey {
    pub(super) secret: Secret,
    pub(super) valid_for: Duration,
}

impl FetchedKey {
    /// A key that may be used for so long.
    #[must_use]
    pub fn new(secret: Secret, valid_for: Duration) -> Self {
        Self { secret, valid_for }
    }
}

impl fmt::Debug for FetchedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedKey").field("valid_for", &self.valid_for).finish_non_exhaustive()
    }
}
