//! The configuration of a layer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::exchange::misuse::Misuse;
use crate::exchange::observation::Observation;
use crate::gateway::layer::GatewayLayer;
use crate::gateway::misuse;
use crate::gateway::settings_layer::FromExtensions;
use crate::hook::guard::{Guard, Guards};
use crate::hook::{Hooks, MetricsHook};
use crate::provider::{Provider, Providers};
use crate::rejection::ErrorFormat;
use crate::request::stages::Shared;
use crate::request::via::Via;
use crate::routing::Mount;
use crate::settings::SettingsResolver;
use crate::usage::{Meter, Prices, SeenIds};
use crate::util::budget::BodyBudget;
use crate::util::config_error::ConfigError;

/// The default of [`GatewayLayerBuilder::peek_limit`].
const PEEK_LIMIT: usize = 32 * 1024 * 1024;

/// The default of [`GatewayLayerBuilder::body_timeout`].
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The default of [`GatewayLayerBuilder::guard_timeout`].
const GUARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Configures a [`GatewayLayer`]; [`build`](GatewayLayerBuilder::build) finds every mistake.
///
/// ```
/// use tower_ai_gateway::{ConfigError, GatewayLayer, Mount, Provider};
///
/// let gateway = GatewayLayer::builder()
///     .providers(Provider::all())
///     .mount(Mount::at("/ai"))
///     .default_provider("openai")
///     .build()?;
/// assert_eq!(GatewayLayer::builder().build().unwrap_err(), ConfigError::NoProvider);
/// # let _ = gateway;
/// # Ok::<(), ConfigError>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct GatewayLayerBuilder {
    providers: Vec<Provider>,
    default_provider: Option<String>,
    mounts: Vec<Mount>,
    hooks: Vec<Box<dyn MetricsHook>>,
    guards: Guards,
    settings: Option<Box<dyn SettingsResolver>>,
    settings_above: bool,
    prices: Prices,
    has_prices: bool,
    usage_limit: usize,
    error_format: ErrorFormat,
    peek_limit: usize,
    body_budget: BodyBudget,
    body_timeout: Option<Duration>,
    asks_for_usage: bool,
    via: Option<String>,
}

impl GatewayLayerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            providers: Vec::new(),
            default_provider: None,
            mounts: Vec::new(),
            hooks: Vec::new(),
            guards: Guards::new(GUARD_TIMEOUT),
            settings: None,
            settings_above: false,
            prices: Prices::default(),
            has_prices: false,
            usage_limit: Meter::LIMIT,
            error_format: ErrorFormat::default(),
            peek_limit: PEEK_LIMIT,
            body_budget: BodyBudget::default(),
            body_timeout: Some(BODY_TIMEOUT),
            asks_for_usage: false,
            via: None,
        }
    }

    /// Adds a provider. Where the [settings](Self::settings) come with providers of their own
    /// ([`SettingsTable::providers`](crate::settings::SettingsTable::providers)), those are used
    /// instead, and none need be added here.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Adds several providers, such as [`Provider::all`].
    pub fn providers(mut self, providers: impl IntoIterator<Item = Provider>) -> Self {
        self.providers.extend(providers);
        self
    }

    /// The provider of models that name none, by its slug or an alias: on model-routed paths, `grok-4`
    /// and `meta-llama/llama-4` then go there, whole, where `grok-4` has no prefix and `meta-llama` is
    /// no provider. Settings may name another
    /// ([`GatewaySettingsBuilder::default_provider`](crate::settings::GatewaySettingsBuilder::default_provider)).
    ///
    /// Default: none; such requests are refused (400, code 2008).
    pub fn default_provider(mut self, name: impl Into<String>) -> Self {
        self.default_provider = Some(name.into());
        self
    }

    /// Adds a place where the gateway answers.
    ///
    /// Default, where none is added: [`Mount::hosted`] and [`Mount::rest`].
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Adds a hook that is told of every request on a gateway path.
    pub fn metrics_hook(mut self, hook: impl MetricsHook) -> Self {
        self.hooks.push(Box::new(hook));
        self
    }

    /// Adds a guard, which sees every request before it is sent and may refuse it. Several are asked
    /// in the order in which they were added; the first that refuses decides. What is answered without
    /// a provider, such as a list of models, is not shown to them.
    pub fn guard(mut self, guard: impl Guard) -> Self {
        self.guards.add(guard);
        self
    }

    /// How long all guards together may take for one request, beside the reading of its body; 503
    /// (code 2503) beyond, and nothing is sent.
    ///
    /// Default: 10 s. It is kept as the [body timeout](Self::body_timeout) is.
    pub fn guard_timeout(mut self, timeout: Duration) -> Self {
        self.guards.timeout = timeout;
        self
    }

    /// What holds for each gateway: a handle on a table of settings that the host replaces while it
    /// runs ([`Settings`](crate::settings::Settings)), one for all
    /// (`Arc<`[`GatewaySettings`](crate::settings::GatewaySettings)`>`), or the host's own
    /// [`SettingsResolver`], which can refuse requests by a [`Refusal`](crate::Refusal).
    ///
    /// Default: every gateway is served, and nothing is set.
    pub fn settings(mut self, settings: impl SettingsResolver) -> Self {
        self.settings = Some(Box::new(settings));
        self.settings_above = false;
        self
    }

    /// The settings of each request are in its extensions, as an
    /// `Arc<`[`GatewaySettings`](crate::settings::GatewaySettings)`>`: a layer above has put them
    /// there, the host's own or [`GatewayLayer::settings_layer`]. It takes the place of
    /// [`settings`](Self::settings).
    ///
    /// A request on a gateway path that has neither settings nor a [`Refusal`](crate::Refusal) in its
    /// extensions is answered with 500, code 2500: nothing is served with defaults.
    pub fn settings_from_extensions(mut self) -> Self {
        self.settings = Some(Box::new(FromExtensions));
        self.settings_above = true;
        self
    }

    /// What models cost, where neither the provider nor the client says so. The host keeps a clone
    /// to change prices while the gateway runs. Default: [`PriceTable::builtin`](crate::usage::PriceTable::builtin).
    ///
    /// A table that has prices, and none for any of the providers, is warned of by
    /// [`build`](Self::build).
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self.has_prices = true;
        self
    }

    /// How many bytes of a response's usage may be kept while it passes; beyond, metering stops
    /// and the relay goes on. Nothing else of a response is kept. 0 turns metering off.
    ///
    /// Default: 64 KiB.
    pub fn usage_limit(mut self, bytes: usize) -> Self {
        self.usage_limit = bytes;
        self
    }

    /// The shape of the gateway's own error bodies. Default: what the caller's SDK reads.
    pub fn error_format(mut self, format: ErrorFormat) -> Self {
        self.error_format = format;
        self
    }

    /// How many bytes of a model-routed body may stand before the end of its `model`; 413 beyond.
    ///
    /// Only they are held in memory. Default: 32 MiB.
    pub fn peek_limit(mut self, bytes: usize) -> Self {
        self.peek_limit = bytes;
        self
    }

    /// How many bytes of all request bodies may be held in memory together: those read for their
    /// `model`, universal requests, and copies that a `ReplayLayer` below keeps. The host keeps a
    /// clone to see how many are.
    ///
    /// Default: 256 MiB. Beyond, a request whose body must be held gets 503 and `retry-after`.
    pub fn body_budget(mut self, budget: BodyBudget) -> Self {
        self.body_budget = budget;
        self
    }

    /// How long the next part of a request body may take, where it is read before anything is sent;
    /// 408 beyond. Settings may say else
    /// ([`Timeouts::body`](field@crate::directives::timeouts::Timeouts::body)); a total timeout bounds the whole
    /// of it, too.
    ///
    /// Default: 30 s. It is kept by tokio's timer where the feature `client` or `control` is on and
    /// the gateway runs in tokio's runtime (with its timer enabled); elsewhere the host bounds it.
    pub fn body_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Asks providers for the usage of streams of chat completions whose clients did not ask for it,
    /// by adding `stream_options.include_usage`, and keeps the extra chunk from those clients.
    ///
    /// A request that may be one is then sent with its `content-length` raised by the length of the
    /// option, and with blanks at its end where the option is not needed. `stream_options` of the
    /// client's that are an object without `include_usage` get that member. A client that sends
    /// `include_usage` of either kind, or `null` in the place of the object, decides for itself. In
    /// the response, an event that comes in parts is held back until it is whole (up to 64 KiB);
    /// compressed streams keep their chunk.
    ///
    /// Not asked are providers that refuse the option or need none, unless
    /// [`Provider::ask_for_usage`] says else; other paths than `chat/completions` and `completions`;
    /// and Azure's API in versions before 2024-09, or with `data_sources`. Where a provider answers
    /// 400 or 422 to the option, a `RetryLayer` under a
    /// `ReplayLayer` sends the request once more without it, if it has
    /// kept the body: it does until the provider has taken the option once. If that is answered
    /// well, or if nobody can send it again, the provider is not asked for that model for 10 minutes.
    ///
    /// Default: off. Bodies are then the client's, byte for byte.
    pub fn ask_for_usage(mut self, asks: bool) -> Self {
        self.asks_for_usage = asks;
        self
    }

    /// Adds `via: 1.1 {name}` to what providers get (RFC 9110 §7.6.3). Default: it is not added, for
    /// who calls a provider through what is not the provider's business.
    pub fn via(mut self, name: impl Into<String>) -> Self {
        self.via = Some(name.into());
        self
    }

    /// Checks everything and makes the layer.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the provider or mount and what is wrong with it.
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
            misuse::check_prices(&self.prices.current(), all);
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

impl fmt::Debug for GatewayLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayLayerBuilder")
            .field("providers", &self.providers)
            .field("mounts", &self.mounts)
            .field("hooks", &self.hooks.len())
            .field("guards", &self.guards)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_found_when_the_layer_is_built() {
        let xai = || GatewayLayer::builder().provider(Provider::xai());
        let custom = Provider::custom("acme", "http://127.0.0.1:1").openai_path("/v1?key=1");
        let twice = xai().mount(Mount::at("/ai")).mount(Mount::at("/ai/"));
        assert_eq!(GatewayLayer::builder().build().unwrap_err(), ConfigError::NoProvider);
        assert!(matches!(xai().provider(custom).build(), Err(ConfigError::BaseUrl { .. })));
        assert!(matches!(twice.build(), Err(ConfigError::DuplicateMount { .. })));
        assert!(matches!(xai().mount(Mount::at("/a b")).build(), Err(ConfigError::Mount { .. })));
        assert!(matches!(xai().via("a b").build(), Err(ConfigError::Via { .. })));
        let default = |name: &str| xai().default_provider(name).build();
        assert!(matches!(default("openai"), Err(ConfigError::DefaultProvider { .. })));
        assert!(default("grok").is_ok() && default("xai").is_ok());
        let alias = |alias: &str, model: &str| {
            let aliased = Provider::openai().model_alias("a", "b").model_alias(alias, model);
            xai().provider(aliased).build()
        };
        for (name, model) in [("a", "c"), ("", "c"), ("c", ""), (&"c".repeat(1025), "c")] {
            assert!(matches!(alias(name, model), Err(ConfigError::ModelAlias { .. })), "{name}");
        }
        assert!(alias("b", "c").is_ok());
        assert!(xai().mount(Mount::hosted()).mount(Mount::at("/v1")).via("gw").build().is_ok());
    }
}
