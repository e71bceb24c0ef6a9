//! Sources of keys that the gateway does not store.

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use tower::BoxError;

use crate::credentials::secret::Secret;
use crate::settings::keys::DEFAULT_ALIAS;
use crate::util::identity::Identity;
use crate::util::opaque::opaque_debug;

/// A source of provider keys, such as a secret manager.
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
    /// Fetches the key for a provider, or `None` if there is none.
    ///
    /// At most one call runs per query; other requests wait for its result. With
    /// [`KeyScope::Request`] each request has its own call.
    ///
    /// # Errors
    ///
    /// Any failure to look up the key. It is not cached: the next request tries again.
    fn fetch(
        &self,
        query: KeyQuery,
    ) -> impl Future<Output = Result<Option<FetchedKey>, BoxError>> + Send;

    /// Whether keys depend on the caller. Default: `true`; queries then include the [`Identity`],
    /// and a key fetched for one caller is not used for another. Called once, by
    /// [`KeyLayer::new`](super::KeyLayer::new).
    ///
    /// Return `false` if all callers of a gateway have the same keys: queries then have no
    /// identity, and all callers share the cached keys.
    fn depends_on_identity(&self) -> bool {
        true
    }

    /// Which requests share a key, based on what the host's middleware has put into their
    /// extensions. Default: [`KeyScope::Shared`], which ignores the extensions.
    ///
    /// Called for each request without a key, before the cache lookup. `fetch` sees only those
    /// extensions that are part of the cache key, so a key fetched for one tenant cannot be used
    /// for another:
    ///
    /// ```
    /// use tower::BoxError;
    /// use tower_ai_gateway::control::{FetchedKey, KeyQuery, KeyScope, KeySource};
    /// # struct Vault;
    /// # impl Vault { async fn key_of(&self, _: Option<&str>) -> Option<FetchedKey> { None } }
    ///
    /// /// What the host's middleware inserts.
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// impl KeySource for Vault {
    ///     fn scope(&self, extensions: &http::Extensions) -> KeyScope {
    ///         match extensions.get::<Tenant>() {
    ///             Some(Tenant(name)) => KeyScope::named(name.as_str()),
    ///             None => KeyScope::Shared,
    ///         }
    ///     }
    ///
    ///     async fn fetch(&self, query: KeyQuery) -> Result<Option<FetchedKey>, BoxError> {
    ///         Ok(self.key_of(query.scope.as_deref()).await)
    ///     }
    /// }
    /// ```
    fn scope(&self, extensions: &Extensions) -> KeyScope {
        let _ = extensions;
        KeyScope::Shared
    }
}

/// Which requests share a fetched key.
///
/// ```
/// use tower_ai_gateway::control::KeyScope;
///
/// let of_tenant = KeyScope::named("tenant-7");
/// assert_ne!(of_tenant, KeyScope::Shared);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyScope {
    /// All requests with the same query.
    #[default]
    Shared,
    /// Requests with the same name, which is in [`KeyQuery::scope`]. Never put a secret there:
    /// names stay in memory, and `Debug` shows them.
    Named(Box<str>),
    /// This request only. Nothing is cached or shared, and [`KeyQuery::extensions`] has all of the
    /// request's extensions.
    Request,
}

impl KeyScope {
    /// Shares keys among requests with this name.
    #[must_use]
    pub fn named(name: impl Into<Box<str>>) -> Self {
        Self::Named(name.into())
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

    fn scope(&self, extensions: &Extensions) -> KeyScope {
        (**self).scope(extensions)
    }
}

/// The key that is wanted.
///
/// ```
/// use tower_ai_gateway::control::KeyQuery;
///
/// let query = KeyQuery::new("main", "grok").account("acct").alias("batch");
/// assert_eq!((&*query.gateway, &*query.provider, &*query.alias), ("main", "grok", "batch"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct KeyQuery {
    /// The account in the path; `None` on mounts without one.
    pub account: Option<Box<str>>,
    /// The gateway.
    pub gateway: Box<str>,
    /// The provider's slug.
    pub provider: Box<str>,
    /// The provider's base URL. A key for one place is not used at another.
    pub base_url: Box<str>,
    /// `cf-aig-byok-alias`, or the alias of the fallback step, otherwise `default`.
    pub alias: Box<str>,
    /// The caller, if the host has set it and the source's keys [depend on
    /// it](KeySource::depends_on_identity).
    pub identity: Option<Identity>,
    /// The name from [`KeyScope::Named`].
    pub scope: Option<Box<str>>,
    pub(super) extensions: OwnExtensions,
}

impl KeyQuery {
    /// The request's extensions. Only available with [`KeyScope::Request`], where the key is for
    /// this request only.
    #[must_use]
    pub fn extensions(&self) -> Option<&Extensions> {
        self.extensions.0.as_deref()
    }
}

/// The extensions of a query that is never cached, so they need no comparison.
#[derive(Clone, Default)]
pub(super) struct OwnExtensions(pub(super) Option<Box<Extensions>>);

impl PartialEq for OwnExtensions {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_none() && other.0.is_none()
    }
}

impl Eq for OwnExtensions {}

impl Hash for OwnExtensions {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.is_some().hash(state);
    }
}

impl fmt::Debug for OwnExtensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Extensions(..)" } else { "none" })
    }
}

impl KeyQuery {
    /// A query for a provider's key `default`, to test a source with. It has no account, base URL
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
            scope: None,
            extensions: OwnExtensions::default(),
        }
    }

    /// Sets the account.
    #[must_use]
    pub fn account(self, account: impl Into<Box<str>>) -> Self {
        Self { account: Some(account.into()), ..self }
    }

    /// Sets the provider's base URL.
    #[must_use]
    pub fn base_url(self, base_url: impl Into<Box<str>>) -> Self {
        Self { base_url: base_url.into(), ..self }
    }

    /// Sets the alias.
    #[must_use]
    pub fn alias(self, alias: impl Into<Box<str>>) -> Self {
        Self { alias: alias.into(), ..self }
    }

    /// Sets the caller.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }
}

/// A key, and how long it may be cached.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::control::FetchedKey;
/// use tower_ai_gateway::settings::Secret;
///
/// let key = FetchedKey::new(Secret::new("example-key")?, Duration::from_secs(300));
/// # let _ = key;
/// # Ok::<(), tower_ai_gateway::settings::SecretError>(())
/// ```
#[derive(Clone)]
pub struct FetchedKey {
    pub(super) secret: Secret,
    pub(super) valid_for: Duration,
}

impl FetchedKey {
    /// Creates a key that may be used for this time before it is fetched again.
    #[must_use]
    pub fn new(secret: Secret, valid_for: Duration) -> Self {
        Self { secret, valid_for }
    }
}

opaque_debug!(FetchedKey { valid_for });
