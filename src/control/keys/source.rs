//! Where keys come from that the gateway does not keep itself.

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
    /// At most one call is under way for each query; what waits for it shares its result. Queries of
    /// [`KeyScope::Request`] are asked each on their own.
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

    /// For which requests a key is, by what the host's own middleware has put into their extensions.
    /// Default: [`KeyScope::Shared`]: by nothing of that.
    ///
    /// It is asked for each request that has no key, before what is known is looked up. `fetch` sees
    /// nothing of the extensions but what is part of the place where its key is kept, so that a key
    /// which was fetched for one tenant cannot be used for another:
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

/// For which requests a key is that is fetched for one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyScope {
    /// For all that ask alike.
    #[default]
    Shared,
    /// For those with the same name, which is in [`KeyQuery::scope`]. It is no place for a secret:
    /// names stay in memory, and `Debug` shows them.
    Named(Box<str>),
    /// For this request alone. Nothing is kept or shared, and [`KeyQuery::extensions`] has all that
    /// is in the request's.
    Request,
}

impl KeyScope {
    /// For those with this name.
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
    /// The name that the source has given the request by [`KeyScope::Named`].
    pub scope: Option<Box<str>>,
    pub(super) extensions: OwnExtensions,
}

impl KeyQuery {
    /// What the host's own middleware has put into the extensions of the request. It is there for
    /// [`KeyScope::Request`] alone, where the key serves no other request.
    #[must_use]
    pub fn extensions(&self) -> Option<&Extensions> {
        self.extensions.0.as_deref()
    }
}

/// The extensions of a query that is never looked up: so they need not be compared.
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
            scope: None,
            extensions: OwnExtensions::default(),
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

opaque_debug!(FetchedKey { valid_for });
