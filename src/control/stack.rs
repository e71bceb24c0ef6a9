//! [`ControlLayer`]: all layers of this module in their order.

use std::sync::Arc;

use tower_layer::Layer;

#[cfg(feature = "cache")]
use super::cache::{CacheHandle, CacheStore, Caching};
use super::call::{Call, Parts};
use super::health::HealthLayer;
#[cfg(feature = "config")]
use super::health::{BreakerSettings, CoolDownSettings};
#[cfg(feature = "limits")]
use super::limits::{LimitStore, Limits, LimitsHandle};
use super::{
    Classify, ConcurrencyLayer, Control, FallbackLayer, ReplayLayer, RetryLayer, RetrySettings,
};
use crate::directives::timeouts::Timeouts;
use crate::util::budget::BodyBudget;
use crate::util::opaque::opaque_debug;

/// All control layers in their order: total timeout, cache, fallback, retries, the choice of base URL and
/// key, concurrency limits, circuit breakers and cool-downs, and the timeouts of each call.
///
/// By default it does only what requests and the settings of their gateways ask for: a request that
/// asks for nothing passes through unchanged.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "client")] {
/// use axum::Router;
/// use tower::ServiceBuilder;
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};
///
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
/// let upstream = ServiceBuilder::new().layer(ControlLayer::new()).service(HttpClient::new()?);
/// let app: Router = Router::new().layer(gateway.upstream(upstream));
/// # let _ = app; }
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct ControlLayer {
    timeouts: Timeouts,
    replay: ReplayLayer,
    retry: RetryLayer,
    fallback: FallbackLayer,
    concurrency: ConcurrencyLayer,
    health: HealthLayer,
    #[cfg(feature = "limits")]
    limits: Limits,
    #[cfg(feature = "cache")]
    caching: Caching,
}

impl Default for ControlLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl ControlLayer {
    /// Creates the layer with defaults: only what requests and gateways ask for.
    pub fn new() -> Self {
        Self {
            timeouts: Timeouts::default(),
            replay: ReplayLayer::on_demand(),
            retry: RetryLayer::default(),
            fallback: FallbackLayer::new(),
            concurrency: ConcurrencyLayer::from_settings(),
            health: HealthLayer::new(),
            #[cfg(feature = "limits")]
            limits: Limits::local(),
            #[cfg(feature = "cache")]
            caching: Caching::local(),
        }
    }

    /// The timeouts of requests that have none and whose gateway has none.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Retries of requests for which neither they nor their gateway set any.
    pub fn retry(mut self, settings: RetrySettings) -> Self {
        self.retry = self.retry.settings(settings);
        if settings.may_repeat() {
            self.replay = self.replay.always();
        }
        self
    }

    /// The retry budget of each origin; see [`RetryLayer::budget`].
    pub fn retry_budget(mut self, per_second: u32, share: f32) -> Self {
        self.retry = self.retry.budget(per_second, share);
        self
    }

    /// Which calls are retried or lead to a fallback. Default: the rules of
    /// [`CallClass`](super::CallClass).
    pub fn classify(mut self, rule: impl Classify) -> Self {
        let rule = Arc::new(rule);
        self.retry = self.retry.classify(rule.clone());
        self.fallback = self.fallback.classify(rule);
        self
    }

    /// How many bytes of a request body are kept for sending it again. Default: 16 MiB.
    pub fn replay_limit(mut self, bytes: usize) -> Self {
        self.replay = self.replay.limit(bytes);
        self
    }

    /// Changes the settings of this layer, its clones and their services while they are in use.
    #[cfg(feature = "config")]
    pub(crate) fn reconfigure(
        &self,
        (breaker, cool_down): (Option<BreakerSettings>, Option<CoolDownSettings>),
        (per_second, share): (u32, f32),
        replay_limit: usize,
    ) {
        self.health.reconfigure(breaker, cool_down);
        self.retry.resize_budget(per_second, share);
        self.replay.change_limit(replay_limit);
    }

    /// The memory budget for copies of bodies if there is no gateway above; see
    /// [`ReplayLayer::body_budget`].
    pub fn body_budget(mut self, budget: BodyBudget) -> Self {
        self.replay = self.replay.body_budget(budget);
        self
    }

    /// Concurrency limits of the host, in addition to those of the gateways.
    pub fn concurrency(mut self, layer: ConcurrencyLayer) -> Self {
        self.concurrency = layer;
        self
    }

    /// The store that counts usage for the [limits](crate::settings::limits) of gateways. Default:
    /// a [`MemoryStore`](crate::control::limits::MemoryStore) in this process, shared by the clones
    /// and services of this layer.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tower_ai_gateway::control::ControlLayer;
    /// use tower_ai_gateway::control::limits::MemoryStore;
    ///
    /// // Two layers with shared counts.
    /// let store = Arc::new(MemoryStore::new());
    /// let (one, other) = (ControlLayer::new().limits(store.clone()), ControlLayer::new().limits(store));
    /// # let _ = (one, other);
    /// ```
    #[cfg(feature = "limits")]
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    pub fn limits(mut self, store: impl LimitStore) -> Self {
        let writes_fields = self.limits.writes_fields;
        self.limits = Limits::of(store);
        self.limits.writes_fields = writes_fields;
        self
    }

    /// Adds `ratelimit-policy` and `ratelimit` to responses
    /// (draft-ietf-httpapi-ratelimit-headers-11, not final): the remainder of the limit that is
    /// closest to being exceeded. Only limits of requests and tokens are shown, never of money. The
    /// provider's own headers of these names stay. Default: `false`.
    #[cfg(feature = "limits")]
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    pub fn rate_limit_fields(mut self, yes: bool) -> Self {
        self.limits.writes_fields = yes;
        self
    }

    /// A handle for operators: shows and resets the limits. It uses the store that was
    /// [set](Self::limits) before this call.
    #[cfg(feature = "limits")]
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    #[must_use]
    pub fn limits_handle(&self) -> LimitsHandle {
        self.limits.handle()
    }

    /// The store for the [caches](crate::settings::cache) of gateways. Default: a
    /// [`MemoryCache`](crate::control::cache::MemoryCache) in this process, shared by the clones
    /// and services of this layer.
    ///
    /// ```
    /// use tower_ai_gateway::control::ControlLayer;
    /// use tower_ai_gateway::control::cache::MemoryCache;
    ///
    /// // Two layers with a shared cache.
    /// let store = MemoryCache::new();
    /// let (one, other) = (ControlLayer::new().cache(store.clone()), ControlLayer::new().cache(store));
    /// # let _ = (one, other);
    /// ```
    #[cfg(feature = "cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
    pub fn cache(mut self, store: impl CacheStore) -> Self {
        self.caching = Caching::of(store);
        self
    }

    /// A handle for operators: shows and purges the cache. It uses the store that was
    /// [set](Self::cache) before this call.
    #[cfg(feature = "cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
    #[must_use]
    pub fn cache_handle(&self) -> CacheHandle {
        CacheHandle::new(self.caching.clone())
    }

    /// Circuit breakers and cool-downs. Default: none. The load is balanced among a provider's base
    /// URLs and keys in any case.
    pub fn health(mut self, layer: HealthLayer) -> Self {
        self.health = layer;
        self
    }
}

impl<S> Layer<S> for ControlLayer {
    type Service = Control<S>;

    fn layer(&self, client: S) -> Control<S> {
        let call = Call::with(
            client,
            Parts {
                health: Some(self.health.shared.clone()),
                limiter: Some(self.concurrency.limiter.clone()),
                timeouts: Some(self.timeouts),
                #[cfg(feature = "limits")]
                limits: Some(self.limits.clone()),
                #[cfg(feature = "cache")]
                caching: Some(self.caching.clone()),
            },
        );
        let steps = self.fallback.layer(self.retry.layer(call));
        Control { steps: self.replay.layer(steps), timeouts: self.timeouts }
    }
}

opaque_debug!(ControlLayer { timeouts, retry });
