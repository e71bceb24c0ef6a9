//! [`HealthLayer`], which creates the services.

use std::sync::Arc;

use tower_layer::Layer;

use super::settings::{BreakerSettings, CoolDownSettings};
use super::shared::{Config, Handle};
use crate::control::call::{Call, Parts};
use crate::hook::health::HealthChange;

/// Adds a circuit breaker and cool-downs to a client.
///
/// An upstream is a scheme and authority; under a gateway, a base URL of a provider. Each upstream
/// has its own circuit breaker, and each key at an upstream its own cool-down, so that one caller's
/// rate limit does not affect others. All services of a layer and its clones share this state. A
/// builder method returns a layer with new state. The [module documentation](super) has an example.
///
/// ```
/// # let client = tower::service_fn(|_: http::Request<String>| async {
/// #     Ok::<_, std::io::Error>(http::Response::new(String::new()))
/// # });
/// use tower::Layer;
/// use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
///
/// let health = HealthLayer::new()
///     .breaker(BreakerSettings::default())
///     .cool_down(CoolDownSettings::default());
/// let service = health.layer(client);
/// # let _ = service;
/// ```
#[derive(Clone, Debug, Default)]
pub struct HealthLayer {
    pub(in crate::control) shared: Handle,
}

impl HealthLayer {
    /// Creates a layer that does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Enables circuit breakers: a circuit opens when too many calls to its upstream fail. Default:
    /// off.
    #[must_use]
    pub fn breaker(self, settings: BreakerSettings) -> Self {
        self.with(|config| config.breaker = Some(settings.within()))
    }

    /// Enables cool-downs: a key that is told to wait is not used for that time. Default: off.
    #[must_use]
    pub fn cool_down(self, settings: CoolDownSettings) -> Self {
        self.with(|config| config.cool_down = Some(settings.within()))
    }

    /// Calls `observer` after each state change of a circuit breaker, on the task of the call that
    /// caused it: it must not block. Default: none.
    #[must_use]
    pub fn on_change(self, observer: impl Fn(&HealthChange<'_>) + Send + Sync + 'static) -> Self {
        self.with(|config| config.observer = Some(Arc::new(observer)))
    }

    fn with(self, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.shared.read().config.clone();
        set(&mut config);
        Self { shared: Handle::new(config) }
    }

    /// Replaces the settings of this layer, its clones and their services while they are in use.
    /// `None` turns breakers or cool-downs off. If the breaker settings differ from before, all
    /// circuits start again, closed, and observers are told of those that were not. Running
    /// cool-downs continue.
    pub fn reconfigure(
        &self,
        breaker: Option<BreakerSettings>,
        cool_down: Option<CoolDownSettings>,
    ) {
        let breaker = breaker.map(BreakerSettings::within);
        self.shared.reconfigure(breaker, cool_down.map(CoolDownSettings::within));
    }
}

impl<S> Layer<S> for HealthLayer {
    type Service = Call<S>;

    fn layer(&self, inner: S) -> Call<S> {
        let health = Some(self.shared.clone());
        Call::with(
            inner,
            Parts {
                health,
                limiter: None,
                timeouts: None,
                #[cfg(feature = "limits")]
                limits: None,
                #[cfg(feature = "cache")]
                caching: None,
            },
        )
    }
}
