//! The settings of many gateways, and the handle to replace them at run time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use http::Extensions;

use super::builder::{is_named, scope_of};
use super::{GatewaySettings, IntoSettings};
use crate::provider::{Provider, Providers};
use crate::rejection::Refusal;
use crate::util::config_error::ConfigError;
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

/// The settings of many gateways at one moment.
///
/// ```
/// use tower_ai_gateway::settings::{GatewaySettings, GatewayToken, SettingsTable};
///
/// let team = GatewaySettings::builder().token(GatewayToken::new("example-token")).build()?;
/// let table = SettingsTable::new().gateway("acct", "team", team).refuse_unknown();
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Default)]
pub struct SettingsTable {
    /// By gateway, then by account: most ids exist in one account.
    gateways: HashMap<Box<str>, Vec<OfAccount>>,
    /// The settings of unknown gateways; `None` if they are refused.
    unknown: Option<Arc<GatewaySettings>>,
    /// `None` for the layer's providers.
    providers: Option<Arc<Providers>>,
}

/// The settings of a gateway id in one account, or in any.
type OfAccount = (Option<Box<str>>, Arc<GatewaySettings>);

impl SettingsTable {
    /// Creates an empty table, which refuses every gateway.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the settings of an account's gateway.
    #[must_use]
    pub fn gateway(
        self,
        account: impl Into<String>,
        gateway: impl Into<String>,
        settings: impl Into<Arc<GatewaySettings>>,
    ) -> Self {
        self.insert(Some(account.into()), gateway.into(), settings.into())
    }

    /// Sets the settings of this gateway id for mounts without accounts and for every account that
    /// has no such gateway of its own.
    #[must_use]
    pub fn gateway_of_any_account(
        self,
        gateway: impl Into<String>,
        settings: impl Into<Arc<GatewaySettings>>,
    ) -> Self {
        self.insert(None, gateway.into(), settings.into())
    }

    fn insert(
        mut self,
        account: Option<String>,
        gateway: String,
        settings: Arc<GatewaySettings>,
    ) -> Self {
        let settings = placed(settings, &["0", account.as_deref().unwrap_or("*"), &gateway]);
        let account = account.map(String::into_boxed_str);
        let of_id = self.gateways.entry(gateway.into()).or_default();
        of_id.retain(|(known, _)| *known != account);
        // The entry for any account comes last: the first match wins.
        let place = if account.is_some() { 0 } else { of_id.len() };
        of_id.insert(place, (account, settings));
        self
    }
}

setters! { impl SettingsTable {
    /// Serves unknown gateways with these settings.
    pub fn serve_unknown(self, settings: impl Into<Arc<GatewaySettings>>) =>
        self.unknown = Some(placed(settings.into(), &["1"]));

    /// Refuses unknown gateways (400, code 2001). This is the default.
    pub fn refuse_unknown(self) => self.unknown = None;
}}

impl SettingsTable {
    /// Sets the providers to route to while this table is in use, instead of the layer's. Providers
    /// and their keys are then replaced together: a request uses one table from start to end, and
    /// no key is sent to a provider's old address.
    ///
    /// Default: the layer's providers.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] with the provider and the problem, like
    /// [`GatewayLayerBuilder::build`](crate::GatewayLayerBuilder::build).
    pub fn providers(
        mut self,
        providers: impl IntoIterator<Item = Provider>,
    ) -> Result<Self, ConfigError> {
        self.providers = Some(Arc::new(Providers::new(providers.into_iter().collect())?));
        Ok(self)
    }

    pub(crate) fn own_providers(&self) -> Option<&Arc<Providers>> {
        self.providers.as_ref()
    }

    /// The settings of a gateway.
    #[must_use]
    pub fn get(&self, account: Option<&str>, gateway: &str) -> Option<&Arc<GatewaySettings>> {
        let of_id = self.gateways.get(gateway).into_iter().flatten();
        let mut fitting = of_id.filter(|(known, _)| known.is_none() || known.as_deref() == account);
        fitting.next().map(|(_, settings)| settings).or(self.unknown.as_ref())
    }

    /// All settings in the table.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<GatewaySettings>> {
        self.gateways.values().flatten().map(|(_, settings)| settings).chain(&self.unknown)
    }
}

/// Names settings by their place in the table, unless they have a name.
fn placed(mut settings: Arc<GatewaySettings>, place: &[&str]) -> Arc<GatewaySettings> {
    if !is_named(settings.scope) {
        Arc::make_mut(&mut settings).scope = scope_of(place);
    }
    settings
}

/// The account and gateway that limits are reported under: any account, or `*` for all unknown
/// gateways; otherwise the request's own.
#[cfg(feature = "limits")]
pub(crate) fn shared_place<'a>(
    scope: u64,
    account: Option<&'a str>,
    gateway: &'a str,
) -> (Option<&'a str>, &'a str) {
    if scope == scope_of(&["1"]) {
        (None, "*")
    } else if scope == scope_of(&["0", "*", gateway]) {
        (None, gateway)
    } else {
        (account, gateway)
    }
}

impl fmt::Debug for SettingsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsTable")
            .field("gateways", &self.gateways.values().map(Vec::len).sum::<usize>())
            .field("serves_unknown", &self.unknown.is_some())
            .field("providers", &self.providers)
            .finish()
    }
}

/// A [`SettingsTable`] that a host can replace while it is in use. Clones share the table.
///
/// ```
/// use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsTable};
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// let settings = Settings::new(SettingsTable::new().serve_unknown(GatewaySettings::default()));
/// let gateway = GatewayLayer::builder()
///     .provider(Provider::xai())
///     .settings(settings.clone())
///     .build()?;
/// settings.replace(SettingsTable::new()); // from the next request on, no gateway is known
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings(Arc<RwLock<Arc<SettingsTable>>>);

impl Settings {
    /// Creates a handle on this table.
    #[must_use]
    pub fn new(table: SettingsTable) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(table))))
    }

    /// Replaces the whole table, including its providers if it has any. Running requests keep what
    /// they started with.
    pub fn replace(&self, table: SettingsTable) {
        let table = Arc::new(table);
        let old =
            std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), table);
        // Not under the lock: dropping a large table takes time.
        drop(old);
    }

    /// The current table.
    #[must_use]
    pub fn current(&self) -> Arc<SettingsTable> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SettingsResolver for Settings {
    fn resolve(&self, query: &SettingsQuery<'_>) -> Result<Arc<GatewaySettings>, Refusal> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.get(query.account, query.gateway).cloned().into_settings(query.gateway)
    }

    fn snapshot(&self) -> Option<Arc<SettingsTable>> {
        Some(self.current())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directives::timeouts::Timeouts;
    use std::time::Duration;

    fn marked(milliseconds: u64) -> GatewaySettings {
        let timeouts = Timeouts::default().head(Duration::from_millis(milliseconds));
        GatewaySettings::builder().timeouts(timeouts).build().unwrap()
    }

    fn mark(settings: Result<Arc<GatewaySettings>, Refusal>) -> Option<u128> {
        settings.ok().map(|settings| settings.timeouts.head.unwrap().as_millis())
    }

    #[test]
    fn an_account_goes_before_any_account_and_both_before_the_unknown() {
        let table = SettingsTable::new()
            .gateway_of_any_account("gw", marked(1))
            .gateway("a", "gw", marked(2))
            .gateway("a", "gw", marked(3));
        let settings = Settings::new(table.clone());
        let of = |settings: &Settings, account, gateway| {
            let query = SettingsQuery { account, ..SettingsQuery::new(gateway) };
            mark(Arc::new(settings.clone()).resolve(&query))
        };
        assert_eq!(of(&settings, Some("a"), "gw"), Some(3));
        assert_eq!(of(&settings, Some("b"), "gw"), Some(1));
        assert_eq!(of(&settings, None, "gw"), Some(1));
        assert_eq!(of(&settings, Some("a"), "other"), None);
        settings.clone().replace(table.serve_unknown(marked(4)));
        assert_eq!(of(&settings, Some("a"), "other"), Some(4));
        assert_eq!(settings.current().iter().count(), 3);
    }
}
