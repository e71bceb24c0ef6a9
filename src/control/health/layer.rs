//! The layer.

use std::sync::Arc;

use tower_layer::Layer;

use super::settings::{BreakerSettings, CoolDownSettings};
use super::shared::{Config, Handle};
use crate::control::call::{Call, Parts};
use crate::hook::health::HealthChange;

/// Puts a circuit breaker and cool-downs around a client.
///
/// An upstream is a scheme and an authority, and under a gateway a base URL of a provider. Each has a circuit breaker of its own, and each key
/// that is used there a cool-down of its own, so that one caller's limit is not another's. All
/// services of one layer and its clones share what they know; a layer that is configured anew
/// begins anew. The [module documentation](super) has an example.
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
    /// A layer that does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a circuit for each upstream of which too many calls fail. Default: never.
    #[must_use]
    pub fn breaker(self, settings: BreakerSettings) -> Self {
        self.with(|config| config.breaker = Some(settings.within()))
    }

    /// Leaves alone each key that is told to wait. Default: never.
    #[must_use]
    pub fn cool_down(self, settings: CoolDownSettings) -> Self {
        self.with(|config| config.cool_down = Some(settings.within()))
    }

    /// Calls `observer` after each change of a circuit breaker's state, on the task of the call
    /// that has made it: it must not block. Default: nobody is told.
    #[must_use]
    pub fn on_change(self, observer: impl Fn(&HealthChange<'_>) + Send + Sync + 'static) -> Self {
        self.with(|config| config.observer = Some(Arc::new(observer)))
    }

    fn with(self, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.shared.read().config.clone();
        set(&mut config);
        Self { shared: Handle::new(config) }
    }

    /// Replaces what this layer, its clones and their services go by, while they are used. `None`
    /// turns a breaker or cool-downs off. Where the breaker's settings are others than before, all
    /// circuits begin anew, closed; cool-downs that are running go on to their ends.
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
