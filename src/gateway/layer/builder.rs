//! The configuration of a layer.

mod build;

use std::fmt;
use std::time::Duration;

use crate::gateway::settings_layer::FromExtensions;
use crate::hook::MetricsHook;
use crate::hook::guard::{Guard, Guards};
use crate::provider::Provider;
use crate::rejection::ErrorFormat;
use crate::routing::Mount;
use crate::settings::SettingsResolver;
use crate::usage::{Meter, Prices};
use crate::util::budget::BodyBudget;

/// The default of [`GatewayLayerBuilder::peek_limit`].
const PEEK_LIMIT: usize = 32 * 1024 * 1024;

/// The default of [`GatewayLayerBuilder::body_timeout`].
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The default of [`GatewayLayerBuilder::guard_timeout`].
const GUARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Configures a [`GatewayLayer`](super::GatewayLayer); [`build`](GatewayLayerBuilder::build) checks everything.
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

    /// Adds a provider. If the [settings](Self::settings) have their own providers
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

    /// The provider of models without a provider prefix, by slug or alias. On model-routed paths,
    /// `grok-4` (no prefix) and `meta-llama/llama-4` (an unknown prefix) then go to this provider
    /// unchanged. Settings may name another
    /// ([`GatewaySettingsBuilder::default_provider`](crate::settings::GatewaySettingsBuilder::default_provider)).
    ///
    /// Default: none. Such requests are refused (400, code 2008).
    pub fn default_provider(mut self, name: impl Into<String>) -> Self {
        self.default_provider = Some(name.into());
        self
    }

    /// Adds a path where the gateway answers.
    ///
    /// Default if none is added: [`Mount::hosted`] and [`Mount::rest`].
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Adds a hook, which observes every request on a gateway path.
    pub fn metrics_hook(mut self, hook: impl MetricsHook) -> Self {
        self.hooks.push(Box::new(hook));
        self
    }

    /// Adds a guard, which sees every request before it is sent and may refuse it. Several guards
    /// are asked in the order in which they were added, until one refuses. Requests that are
    /// answered without a provider, such as a list of models, are not shown to guards.
    pub fn guard(mut self, guard: impl Guard) -> Self {
        self.guards.add(guard);
        self
    }

    /// How long all guards together may take for one request, not counting the reading of its body.
    /// After that the request is refused with 503 (code 2503), and nothing is sent.
    ///
    /// Default: 10 s. It needs the same timer as the [body timeout](Self::body_timeout).
    pub fn guard_timeout(mut self, timeout: Duration) -> Self {
        self.guards.timeout = timeout;
        self
    }

    /// The settings of each gateway: a handle on a table that the host replaces at run time
    /// ([`Settings`](crate::settings::Settings)), the same settings for all gateways
    /// (`Arc<`[`GatewaySettings`](crate::settings::GatewaySettings)`>`), or your own
    /// [`SettingsResolver`], which can refuse requests with a [`Refusal`](crate::Refusal).
    ///
    /// Default: every gateway is served, without settings.
    pub fn settings(mut self, settings: impl SettingsResolver) -> Self {
        self.settings = Some(Box::new(settings));
        self.settings_above = false;
        self
    }

    /// Takes each request's settings from its extensions, as an
    /// `Arc<`[`GatewaySettings`](crate::settings::GatewaySettings)`>` that a layer above has
    /// inserted: your own or
    /// [`GatewayLayer::settings_layer`](super::GatewayLayer::settings_layer). It replaces
    /// [`settings`](Self::settings).
    ///
    /// A request on a gateway path with neither settings nor a [`Refusal`](crate::Refusal) in its
    /// extensions is answered with 500, code 2500: it is never served with defaults.
    pub fn settings_from_extensions(mut self) -> Self {
        self.settings = Some(Box::new(FromExtensions));
        self.settings_above = true;
        self
    }

    /// The prices of models, used if neither the provider nor the client reports a cost. Keep a
    /// clone to change prices at run time. Default:
    /// [`PriceTable::builtin`](crate::usage::PriceTable::builtin).
    ///
    /// [`build`](Self::build) logs a warning if the table has prices, but none for any of the
    /// providers.
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self.has_prices = true;
        self
    }

    /// How many bytes of a response may be buffered to read its usage. Beyond that, metering stops
    /// and the relay continues. Nothing else of a response is buffered. 0 turns metering off.
    ///
    /// Default: 64 KiB.
    pub fn usage_limit(mut self, bytes: usize) -> Self {
        self.usage_limit = bytes;
        self
    }

    /// The format of the gateway's own error bodies. Default: the caller's SDK format.
    pub fn error_format(mut self, format: ErrorFormat) -> Self {
        self.error_format = format;
        self
    }

    /// How many bytes of a model-routed body may precede the end of its `model`; more is answered
    /// with 413.
    ///
    /// Only these bytes are held in memory. Default: 32 MiB.
    pub fn peek_limit(mut self, bytes: usize) -> Self {
        self.peek_limit = bytes;
        self
    }

    /// The memory budget of all bodies together: requests read for their `model`, universal
    /// requests, copies kept by a `ReplayLayer` below, and what the cache holds. Keep a clone to see
    /// how much is used.
    ///
    /// Default: 256 MiB. If it is used up, a request whose body must be held gets 503 and
    /// `retry-after`.
    pub fn body_budget(mut self, budget: BodyBudget) -> Self {
        self.body_budget = budget;
        self
    }

    /// How long the next part of a request body may take while the body is read before sending;
    /// after that the request is answered with 408. Settings can override it
    /// ([`Timeouts::body`](field@crate::directives::timeouts::Timeouts::body)). A total timeout
    /// also covers this time.
    ///
    /// Default: 30 s. It uses tokio's timer, so it needs the feature `client` or `control` and a
    /// tokio runtime with time enabled. Without the feature or outside of a runtime, the host must bound it;
    /// on a runtime without time, the timer panics.
    pub fn body_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Asks providers for the usage of streamed chat completions whose clients did not ask for it,
    /// by adding `stream_options.include_usage`, and hides the extra chunk from those clients.
    ///
    /// A request that may need the option is sent with its `content-length` increased by the
    /// option's length, and padded with spaces if the option turns out not to be needed. If the
    /// client sends `stream_options` as an object without `include_usage`, that member is added. A
    /// client that sends `include_usage` itself, or `null` instead of the object, decides for
    /// itself. In the response, an event that arrives in parts is held back until it is complete
    /// (up to 64 KiB); compressed streams keep their chunk.
    ///
    /// The option is not added for providers that refuse it or do not need it, unless
    /// [`Provider::ask_for_usage`] says otherwise; for other paths than `chat/completions` and
    /// `completions`; and for Azure's API before version 2024-09 or with `data_sources`. If a
    /// provider answers 400 or 422 to the option, a `RetryLayer` below a `ReplayLayer` sends the
    /// request again without it. The `ReplayLayer` keeps the bodies for this until the provider has
    /// accepted the option once. If the second request succeeds, or cannot be sent, the provider is
    /// not asked for that model for 10 minutes.
    ///
    /// Default: off; bodies are sent byte for byte.
    pub fn ask_for_usage(mut self, asks: bool) -> Self {
        self.asks_for_usage = asks;
        self
    }

    /// Adds `via: 1.1 {name}` to requests to providers (RFC 9110 §7.6.3). Default: not added, so
    /// that providers do not learn which intermediaries a caller uses.
    pub fn via(mut self, name: impl Into<String>) -> Self {
        self.via = Some(name.into());
        self
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
mod tests;
