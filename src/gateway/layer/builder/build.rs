//! Builds a layer from its configuration, and finds each mistake.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::GatewayLayerBuilder;
use crate::exchange::misuse::Misuse;
use crate::exchange::observation::Observation;
use crate::gateway::layer::GatewayLayer;
use crate::gateway::setup_warnings;
use crate::hook::Hooks;
use crate::provider::Providers;
use crate::request::stages::Shared;
use crate::request::via::Via;
use crate::routing::Mount;
use crate::usage::SeenIds;
use crate::util::config_error::ConfigError;

impl GatewayLayerBuilder {
    /// Checks everything and builds the layer.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] with the provider or mount and the problem.
    pub fn build(self) -> Result<GatewayLayer, ConfigError> {
        let mut mounts = self.mounts;
        if mounts.is_empty() {
            mounts = vec![Mount::hosted(), Mount::rest()];
        }
        if let Some(mount) = mounts.iter().find(|mount| !mount.is_sound()) {
            return Err(ConfigError::Mount { prefix: mount.prefix().to_owned() });
        }
        for (index, mount) in mounts.iter().enumerate() {
            if mounts[..index]
                .iter()
                .any(|other| other.prefix() == mount.prefix() && other.shape == mount.shape)
            {
                return Err(ConfigError::DuplicateMount { prefix: mount.prefix().to_owned() });
            }
        }
        let table = self.settings.as_ref().and_then(|settings| settings.snapshot());
        let others = table.as_ref().and_then(|table| table.own_providers());
        let providers = match self.providers {
            none if none.is_empty() && others.is_some() => Providers::none(),
            providers => Providers::new(providers)?,
        };
        if let Some(name) = &self.default_provider {
            let mut all = std::iter::once(&providers).chain(others.map(|others| &**others));
            if all.all(|providers| providers.find(name).is_none()) {
                return Err(ConfigError::DefaultProvider { name: name.clone() });
            }
        }
        if self.has_prices {
            let all = std::iter::once(&providers).chain(others.map(|others| &**others));
            setup_warnings::check_prices(&self.prices.current(), all);
        }
        let shared = Shared {
            mounts,
            providers: Arc::new(providers),
            default_provider: self.default_provider.map(String::into_boxed_str),
            settings: self.settings,
            settings_above: self.settings_above,
            observation: Arc::new(Observation {
                hooks: Hooks::new(self.hooks),
                guards: self.guards,
                prices: self.prices,
                usage_limit: self.usage_limit,
                billed: SeenIds::default(),
                has_warned: AtomicBool::new(false),
                misuse: Misuse::default(),
                promised: SeenIds::default(),
            }),
            error_format: self.error_format,
            peek_limit: self.peek_limit,
            body_budget: self.body_budget,
            body_timeout: self.body_timeout,
            asks_for_usage: self.asks_for_usage,
            via: self.via.map(Via::new).transpose()?,
        };
        Ok(GatewayLayer::new(shared))
    }
}
