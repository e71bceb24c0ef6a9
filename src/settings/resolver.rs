//! Where the layer gets the settings of a gateway from.

use std::sync::{Arc, LazyLock};

use http::Extensions;

use super::{GatewaySettings, IntoSettings, SettingsTable};
use crate::rejection::Refusal;
use crate::util::identity::Identity;
use crate::util::macros::setters;

/// The gateway whose settings are wanted.
///
/// ```
/// use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsQuery};
/// use tower_ai_gateway::settings::{SettingsResolver, SettingsTable};
///
/// let table = SettingsTable::new().gateway("acct", "main", GatewaySettings::default());
/// let settings = Settings::new(table);
/// assert!(settings.resolve(&SettingsQuery::new("main").account("acct")).is_ok());
/// assert!(settings.resolve(&SettingsQuery::new("other").account("acct")).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SettingsQuery<'a> {
    /// The account in the path; `None` on mounts without one.
    pub account: Option<&'a str>,
    /// The gateway in the path or in `cf-aig-gateway-id`, otherwise `default`.
    pub gateway: &'a str,
    /// The caller, if the host's middleware has put an [`Identity`] into the extensions.
    pub identity: Option<&'a Identity>,
    /// The request's extensions, for anything else that the middleware puts there.
    pub extensions: &'a Extensions,
}

impl<'a> SettingsQuery<'a> {
    /// A query for this gateway without an account, an identity or extensions, to test a resolver
    /// with.
    #[must_use]
    pub fn new(gateway: &'a str) -> Self {
        static NONE: LazyLock<Extensions> = LazyLock::new(Extensions::new);
        Self { account: None, gateway, identity: None, extensions: &NONE }
    }
}

setters! { impl<'a> SettingsQuery<'a> {
    /// Sets the account.
    pub fn account(self, account: &'a str) => self.account = Some(account);

    /// Sets the caller.
    pub fn identity(self, identity: &'a Identity) => self.identity = Some(identity);

    /// Sets the request's extensions.
    pub fn extensions(self, extensions: &'a Extensions) => self.extensions = extensions;
}}

/// Finds the settings of a gateway.
///
/// The layer calls it once per request on a gateway path, and the request keeps the result to its
/// end. The call must not block: look the settings up in memory. For a source that must be awaited,
/// such as a database, use [`GatewayLayer::settings_layer`](crate::GatewayLayer::settings_layer).
/// If the call panics, that request is answered with 500, code 2500, and no other is affected.
///
/// A closure may return anything that is [`IntoSettings`]:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
/// use tower_ai_gateway::settings::{GatewaySettings, SettingsQuery, SettingsResolver};
/// use tower_ai_gateway::{Identity, Refusal};
///
/// struct Team {
///     settings: Arc<GatewaySettings>,
///     is_suspended: bool,
/// }
///
/// fn resolver(teams: HashMap<String, Team>) -> impl SettingsResolver {
///     move |query: &SettingsQuery<'_>| {
///         let Some(caller) = query.identity else {
///             return Err(Refusal::unauthorized("Sign in first."));
///         };
///         match teams.get(caller.subject()) {
///             None => Err(Refusal::not_found("You have no gateway here.")),
///             Some(team) if team.is_suspended => {
///                 Err(Refusal::forbidden("Your team is suspended."))
///             }
///             Some(team) => Ok(team.settings.clone()),
///         }
///     }
/// }
///
/// let nobody = resolver(HashMap::new());
/// let alice = Identity::builder("alice").build()?;
/// let refused = nobody.resolve(&SettingsQuery::new("main")).unwrap_err();
/// assert_eq!(refused.status(), 401);
/// let refused = nobody.resolve(&SettingsQuery::new("main").identity(&alice)).unwrap_err();
/// assert_eq!(refused.status(), 404);
/// # Ok::<(), tower_ai_gateway::identity::IdentityError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `SettingsResolver`",
    note = "pass `Settings`, a closure `|query: &SettingsQuery<'_>| …`, or implement the trait"
)]
pub trait SettingsResolver: Send + Sync + 'static {
    /// Returns the settings of this gateway.
    ///
    /// # Errors
    ///
    /// A [`Refusal`], which the client gets as its answer, such as [`Refusal::unknown_gateway`],
    /// [`Refusal::forbidden`] or [`Refusal::over_budget`].
    fn resolve(&self, query: &SettingsQuery<'_>) -> Result<Arc<GatewaySettings>, Refusal>;

    /// Returns the table that a request uses from start to end, both for its
    /// [providers](SettingsTable::providers) and its settings. If it returns one,
    /// [`resolve`](Self::resolve) is not called.
    ///
    /// It is called before the gateway knows whether the request is for a provider. Default:
    /// `None`; requests then use the providers that the layer was built with.
    fn snapshot(&self) -> Option<Arc<SettingsTable>> {
        None
    }
}

impl<F, R> SettingsResolver for F
where
    F: Fn(&SettingsQuery<'_>) -> R + Send + Sync + 'static,
    R: IntoSettings,
{
    fn resolve(&self, query: &SettingsQuery<'_>) -> Result<Arc<GatewaySettings>, Refusal> {
        self(query).into_settings(query.gateway)
    }
}

impl<T: SettingsResolver> SettingsResolver for Arc<T> {
    fn resolve(&self, query: &SettingsQuery<'_>) -> Result<Arc<GatewaySettings>, Refusal> {
        (**self).resolve(query)
    }

    fn snapshot(&self) -> Option<Arc<SettingsTable>> {
        (**self).snapshot()
    }
}

/// Every account and gateway id has these settings.
impl SettingsResolver for Arc<GatewaySettings> {
    fn resolve(&self, _: &SettingsQuery<'_>) -> Result<Arc<GatewaySettings>, Refusal> {
        Ok(self.clone())
    }
}
