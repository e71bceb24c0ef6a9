//! All layers of this module, in their order.

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
    Classify, ConcurrencyLayer, Controlled, FallbackLayer, ReplayLayer, RetryLayer, RetrySettings,
};
use crate::directives::timeouts::Timeouts;
use crate::util::budget::BodyBudget;
use crate::util::opaque::opaque_debug;

/// All control layers in their order: total timeout, cache, fallback, retries, the choice of base URL and
/// key, concurrency limits, circuit breakers and cool-downs, and the timeouts of each call.
///
/// As it is, it does what requests and the settings of their gateways ask for, and nothing else: a
/// request that asks for nothing passes untouched.
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
    /// What the gateway asks for, and nothing else.
    pub fn new() -> Self {
        Self {
            timeouts: Timeouts::default(),
            replay: ReplayLayer::on_demand(),
            retry: RetryLayer::default(),
            fallback: FallbackLayer::new(),
            concurrency: ConcurrencyLayer::of_gateway(),
            health: HealthLayer::new(),
            #[cfg(feature = "limits")]
            limits: Limits::local(),
            #[cfg(feature = "cache")]
            caching: Caching::local(),
        }
    }

    /// The timeouts of requests for which neither they nor their gateway have any.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How requests are sent again, where neither they nor their gateway say.
    pub fn retry(mut self, settings: RetrySettings) -> Self {
        self.retry = self.retry.settings(settings);
        if settings.may_repeat() {
            self.replay = self.replay.always();
        }
        self
    }

    /// How many retries an origin gets; see [`RetryLayer::budget`].
    pub fn retry_budget(mut self, per_second: u32, share: f32) -> Self {
        self.retry = self.retry.budget(per_second, share);
        self
    }

    /// Which calls are made again, or elsewhere. Default: as [`RetryLayer`] and [`FallbackLayer`] say.
    pub fn classify(mut self, rule: impl Classify) -> Self {
        let rule = Arc::new(rule);
        self.retry = self.retry.classify(rule.clone());
        self.fallback = self.fallback.classify(rule);
        self
    }

    /// How many bytes of a request body are kept to be sent again. Default: 16 MiB.
    pub fn replay_limit(mut self, bytes: usize) -> Self {
        self.replay = self.replay.limit(bytes);
        self
    }

    /// Replaces what this layer, its clones and their services go by, while they are used.
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

    /// What copies of bodies share that come from no gateway above; see [`ReplayLayer::body_budget`].
    pub fn body_budget(mut self, budget: BodyBudget) -> Self {
        self.replay = self.replay.body_budget(budget);
        self
    }

    /// Limits of the host's own, beside those of the gateways.
    pub fn concurrency(mut self, layer: ConcurrencyLayer) -> Self {
        self.concurrency = layer;
        self
    }

    /// Where what callers use is counted, for the [limits](crate::settings::limits) of gateways. Default:
    /// in this process, in a [`MemoryStore`](crate::control::limits::MemoryStore) of the layer's own,
    /// which its clones and services share.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tower_ai_gateway::control::ControlLayer;
    /// use tower_ai_gateway::control::limits::MemoryStore;
    ///
    /// // Two layers that count together.
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

    /// Tells clients in the fields `ratelimit-policy` and `ratelimit` what is left of the limit of which
    /// the least is left (draft-ietf-httpapi-ratelimit-headers-11, which is not final): of requests and
    /// tokens, not of money. Fields of the provider's own of these names stay. Default: `false`.
    #[cfg(feature = "limits")]
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    pub fn rate_limit_fields(mut self, yes: bool) -> Self {
        self.limits.writes_fields = yes;
        self
    }

    /// For the host's operator: how the limits stand, and resets of what counts. It is of the store that was
    /// [given](Self::limits) until now.
    #[cfg(feature = "limits")]
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    #[must_use]
    pub fn limits_handle(&self) -> LimitsHandle {
        self.limits.handle()
    }

    /// Where answers are kept, for the [caches](crate::settings::cache) of gateways. Default: in this process,
    /// in a [`MemoryCache`](crate::control::cache::MemoryCache) of the layer's own, which its clones and
    /// services share.
    ///
    /// ```
    /// use tower_ai_gateway::control::ControlLayer;
    /// use tower_ai_gateway::control::cache::MemoryCache;
    ///
    /// // Two layers that keep together.
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

    /// For the host's operator: how the cache stands, and purges. It is of the store that was
    /// [given](Self::cache) until now.
    #[cfg(feature = "cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
    #[must_use]
    pub fn cache_handle(&self) -> CacheHandle {
        CacheHandle::new(self.caching.clone())
    }

    /// Circuit breakers and cool-downs. Without it there are none, and the load is shared all the
    /// same among the base URLs and keys of a provider that has several.
    pub fn health(mut self, layer: HealthLayer) -> Self {
        self.health = layer;
        self
    }
}

impl<S> Layer<S> for ControlLayer {
    type Service = Controlled<S>;

    fn layer(&self, client: S) -> Controlled<S> {
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
        Controlled { steps: self.replay.layer(steps), timeouts: self.timeouts }
    }
}

opaque_debug!(ControlLayer { timeouts, retry });
