//! Settings that must be awaited.

use std::future::Future;
use std::sync::Arc;

use http::Extensions;

use super::{GatewaySettings, IntoSettings, SettingsQuery};
use crate::rejection::Refusal;
use crate::util::identity::Identity;

/// An asynchronous source of settings, such as a database. A
/// [`SettingsLayer`](crate::gateway::settings_layer::SettingsLayer) calls it once per request on a
/// gateway path.
///
/// An async closure may return anything that is [`IntoSettings`].
///
/// ```
/// use std::sync::Arc;
/// use tower_ai_gateway::Refusal;
/// use tower_ai_gateway::settings::{GatewaySettings, OwnedSettingsQuery, SettingsSource};
///
/// struct Database;
///
/// impl SettingsSource for Database {
///     async fn find(&self, query: OwnedSettingsQuery) -> Result<Arc<GatewaySettings>, Refusal> {
///         let Some(account) = &query.account else {
///             return Err(Refusal::not_found("The path must name an account."));
///         };
///         // … select the settings of `account` and `query.gateway` …
///         # let _ = account;
///         Ok(Arc::new(GatewaySettings::default()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `SettingsSource`",
    note = "pass an async closure `async |query: OwnedSettingsQuery| …`, or implement the trait"
)]
pub trait SettingsSource: Send + Sync + 'static {
    /// Finds the settings of a gateway. The future is dropped if the client disconnects.
    ///
    /// # Errors
    ///
    /// The client's answer instead. For a failure of the database itself use
    /// [`Refusal::unavailable`], with words that reveal nothing about it.
    fn find(
        &self,
        query: OwnedSettingsQuery,
    ) -> impl Future<Output = Result<Arc<GatewaySettings>, Refusal>> + Send;
}

impl<F, Fut, R> SettingsSource for F
where
    F: Fn(OwnedSettingsQuery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send,
    R: IntoSettings,
{
    fn find(
        &self,
        query: OwnedSettingsQuery,
    ) -> impl Future<Output = Result<Arc<GatewaySettings>, Refusal>> + Send {
        let gateway = query.gateway.clone();
        let found = self(query);
        async move { found.await.into_settings(&gateway) }
    }
}

impl<T: SettingsSource> SettingsSource for Arc<T> {
    fn find(
        &self,
        query: OwnedSettingsQuery,
    ) -> impl Future<Output = Result<Arc<GatewaySettings>, Refusal>> + Send {
        (**self).find(query)
    }
}

/// The gateway whose settings are wanted: an owned [`SettingsQuery`], to hold across an await.
///
/// ```
/// use tower_ai_gateway::Identity;
/// use tower_ai_gateway::settings::OwnedSettingsQuery;
///
/// let query = OwnedSettingsQuery::new("main").account("acct").identity(Identity::new("alice")?);
/// assert_eq!(&*query.gateway, "main");
/// assert_eq!(query.borrowed().account, Some("acct"));
/// # Ok::<(), tower_ai_gateway::identity::IdentityError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnedSettingsQuery {
    /// The account in the path; `None` on mounts without one.
    pub account: Option<Box<str>>,
    /// The gateway in the path or in `cf-aig-gateway-id`, otherwise `default`.
    pub gateway: Box<str>,
    /// The caller, if the host's middleware has put an [`Identity`] into the extensions.
    pub identity: Option<Identity>,
    /// A copy of the request's extensions, for anything else that the middleware puts there.
    pub extensions: Extensions,
}

impl OwnedSettingsQuery {
    /// A query for this gateway without an account, an identity or extensions, to test a source
    /// with.
    #[must_use]
    pub fn new(gateway: impl Into<Box<str>>) -> Self {
        let gateway = gateway.into();
        Self { account: None, gateway, identity: None, extensions: Extensions::new() }
    }

    /// Sets the account.
    #[must_use]
    pub fn account(self, account: impl Into<Box<str>>) -> Self {
        Self { account: Some(account.into()), ..self }
    }

    /// Sets the caller.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// Sets the request's extensions.
    #[must_use]
    pub fn extensions(self, extensions: Extensions) -> Self {
        Self { extensions, ..self }
    }

    /// The query for a [`SettingsResolver`](super::SettingsResolver), such as a
    /// [`SettingsTable`](super::SettingsTable) that a source falls back on.
    #[must_use]
    pub fn borrowed(&self) -> SettingsQuery<'_> {
        SettingsQuery {
            account: self.account.as_deref(),
            gateway: &self.gateway,
            identity: self.identity.as_ref(),
            extensions: &self.extensions,
        }
    }
}
