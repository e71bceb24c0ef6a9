//! The settings of many gateways at one moment.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::GatewaySettings;
use super::scope::{is_named, scope_of};
use crate::provider::{Provider, Providers};
use crate::util::config_error::ConfigError;
use crate::util::macros::setters;

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
