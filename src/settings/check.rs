//! Checks that the providers named in settings exist.

use super::{GatewaySettings, SettingsError, SettingsTable};
use crate::provider::Provider;

impl GatewaySettings {
    /// Checks that every provider named in these settings, by slug or alias, is one of `providers`:
    /// those the layer is built with. Without this check, settings for an unknown provider silently
    /// have no effect.
    ///
    /// ```
    /// use tower_ai_gateway::Provider;
    /// use tower_ai_gateway::settings::{GatewaySettings, SettingsError};
    ///
    /// let settings = GatewaySettings::builder().allow_providers(["xai", "acme"]).build()?;
    /// assert!(settings.check_providers(&[Provider::xai()]).is_err());
    /// # Ok::<(), SettingsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SettingsError::UnknownProvider`] with the first unknown name.
    pub fn check_providers(&self, providers: &[Provider]) -> Result<(), SettingsError> {
        let is_known = |name: &str| providers.iter().any(|provider| provider.answers_to(name));
        match self.named_providers().find(|name| !is_known(name)) {
            Some(name) => Err(SettingsError::UnknownProvider { provider: name.to_owned() }),
            None => Ok(()),
        }
    }

    fn named_providers(&self) -> impl Iterator<Item = &str> {
        let fallbacks = self.fallbacks.iter().flat_map(|chain| {
            let steps = chain.steps.iter().filter_map(|step| step.provider.as_deref());
            chain.provider.as_deref().into_iter().chain(steps)
        });
        let models = self.routes.iter().flat_map(|route| route.models());
        self.keys
            .iter()
            .map(|key| &*key.provider)
            .chain(self.rules.providers.iter().flatten().map(|name| &**name))
            .chain(self.provider_timeouts.iter().map(|(name, _)| &**name))
            .chain(self.provider_client_credentials.iter().map(|(name, _)| &**name))
            .chain(self.concurrency.providers.iter().filter_map(|(name, _)| name.as_deref()))
            .chain(fallbacks)
            .chain(models.map(|(_, model)| &*model.provider))
            .chain(self.default_provider.as_deref())
    }
}

impl SettingsTable {
    /// Calls [`GatewaySettings::check_providers`] on all settings in the table.
    ///
    /// # Errors
    ///
    /// [`SettingsError::UnknownProvider`] with the first unknown name.
    pub fn check_providers(&self, providers: &[Provider]) -> Result<(), SettingsError> {
        self.iter().try_for_each(|settings| settings.check_providers(providers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::secret::Secret;
    use crate::directives::timeouts::Timeouts;
    use crate::settings::route::{DynamicRoute, Node};
    use crate::settings::{
        ClientCredentials, ConcurrencyLimit, FallbackChain, GatewaySettingsBuilder,
    };

    #[test]
    fn a_provider_is_looked_for_wherever_it_is_named() {
        let builder = || GatewaySettings::builder().authenticated_elsewhere();
        let checked = |builder: GatewaySettingsBuilder| {
            let table = SettingsTable::new().serve_unknown(builder.build().unwrap());
            table.check_providers(&[Provider::xai(), Provider::custom("acme", "http://localhost")])
        };
        let naming = |name: &str| {
            let route = DynamicRoute::builder("r").start("m").node("m", Node::model(name, "m"));
            let chain = || FallbackChain::on("*").to_model("m");
            [
                builder().key(name, Secret::new("k").unwrap()),
                builder().allow_providers([name]),
                builder().provider_timeouts(name, Timeouts::default()),
                builder().client_credentials_for(name, ClientCredentials::Ignore),
                builder().concurrency_of_provider(name, ConcurrencyLimit::new(1)),
                builder().fallback(chain().from_provider(name)),
                builder().fallback(chain().to_provider(name)),
                builder().route(route.build().unwrap()),
                builder().default_provider(name),
            ]
        };
        for name in ["grok", "xai", "acme", "custom-acme"] {
            for builder in naming(name) {
                assert_eq!(checked(builder), Ok(()));
            }
        }
        for builder in naming("openai") {
            let unknown = SettingsError::UnknownProvider { provider: "openai".into() };
            assert_eq!(checked(builder), Err(unknown));
        }
        assert_eq!(checked(builder().concurrency_per_provider(ConcurrencyLimit::new(1))), Ok(()));
    }
}
