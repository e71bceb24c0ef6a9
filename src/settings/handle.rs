//! A table of settings that is replaced while it is used.

use std::sync::{Arc, PoisonError, RwLock};

use super::{GatewaySettings, IntoSettings, SettingsQuery, SettingsResolver, SettingsTable};
use crate::rejection::Refusal;

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
