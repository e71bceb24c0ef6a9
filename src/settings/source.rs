//! Where settings come from that must be awaited.

use std::future::Future;
use std::sync::Arc;

use http::Extensions;

use super::{GatewaySettings, IntoSettings, SettingsQuery};
use crate::rejection::Refusal;
use crate::util::identity::Identity;

/// A database, or anything else that must be awaited, asked for the settings of a gateway. It is
/// asked by a [`SettingsLayer`](crate::gateway::settings_layer::SettingsLayer), once for each request on a gateway path.
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
    /// The settings of this gateway. The future is dropped where the client goes away.
    ///
    /// # Errors
    ///
    /// What the client gets instead. For an error of the database itself that is
    /// [`Refusal::unavailable`], in words that tell nothing of it.
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

/// Which gateway's settings are wanted: a [`SettingsQuery`] that can be kept while one waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnedSettingsQuery {
    /// The account in the path; `None` on mounts without one.
    pub account: Option<Box<str>>,
    /// The gateway in the path or in `cf-aig-gateway-id`, else `default`.
    pub gateway: Box<str>,
    /// Who is calling, where the host's own middleware has put an [`Identity`] into the extensions.
    pub identity: Option<Identity>,
    /// A copy of the extensions of the request, where that middleware may have put anything else.
    pub extensions: Extensions,
}

impl OwnedSettingsQuery {
    /// A query for this gateway without an account, an identity or extensions, to try a source with.
    #[must_use]
    pub fn new(gateway: impl Into<Box<str>>) -> Self {
        let gateway = gateway.into();
        Self { account: None, gateway, identity: None, extensions: Extensions::new() }
    }

    /// The same of this account.
    #[must_use]
    pub fn account(self, account: impl Into<Box<str>>) -> Self {
        Self { account: Some(account.into()), ..self }
    }

    /// The same from this caller.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// The same with these extensions of the request.
    #[must_use]
    pub fn extensions(self, extensions: Extensions) -> Self {
        Self { extensions, ..self }
    }

    /// The query that a [`SettingsResolver`](super::SettingsResolver) takes, such as a
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
