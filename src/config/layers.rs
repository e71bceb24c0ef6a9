//! The client certificates and layers that a settings file configures.

#[cfg(feature = "control")]
use std::sync::Arc;
#[cfg(feature = "control")]
use std::time::Duration;

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use crate::client::ClientCertificates;
use crate::config::Config;
#[cfg(feature = "control")]
use crate::config::control::Control;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use crate::config::error::ConfigFileError;
#[cfg(feature = "control")]
use crate::control::health::HealthLayer;
#[cfg(feature = "control")]
use crate::control::{ControlLayer, REPLAY_LIMIT, RetryLayer};
#[cfg(feature = "jwt")]
use crate::jwt::JwtLayer;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use crate::provider::Provider;
#[cfg(feature = "control")]
use crate::settings::GatewaySettings;

/// What [`HttpClient`](crate::HttpClient) shows.
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
impl Config {
    /// The client certificates for the servers of `providers`: for all base URLs of a provider that
    /// has one. Pass the file's [`providers`](Self::providers), or the host's modified copy of
    /// them. Base URLs with plain http get no certificate.
    ///
    /// ```
    /// use tower_ai_gateway::HttpClient;
    /// use tower_ai_gateway::config::Config;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::from_toml("")?;
    /// let certificates = config.client_certificates(&config.providers())?;
    /// let client = HttpClient::builder().client_certificates(&certificates);
    /// # let _ = client;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If two providers share a server and do not have the same certificate. For the file's own
    /// providers, reading the file has checked that.
    pub fn client_certificates(
        &self,
        providers: &[Provider],
    ) -> Result<ClientCertificates, ConfigFileError> {
        self.certificates.at(providers)
    }
}

#[cfg(feature = "control")]
impl Config {
    /// The control layers with the settings of `[health]`, `[retry]`, `[limits]` and `[cache]`.
    /// Missing settings have the defaults of [`ControlLayer::new`].
    ///
    /// Create one layer per process and clone it: separate layers count separately. When the file
    /// changes, call [`update_control`](Self::update_control).
    pub fn control_layer(&self) -> ControlLayer {
        let Control { breaker, cool_down, budget, max_body_bytes } = self.control;
        let mut health = HealthLayer::new();
        if let Some(breaker) = breaker {
            health = health.breaker(breaker);
        }
        if let Some(cool_down) = cool_down {
            health = health.cool_down(cool_down);
        }
        let mut layer = ControlLayer::new().health(health);
        if let Some((per_second, share)) = budget {
            layer = layer.retry_budget(per_second, share);
        }
        if let Some(bytes) = max_body_bytes {
            layer = layer.replay_limit(bytes);
        }
        #[cfg(feature = "limits")]
        let layer = self.limit_store.apply(layer);
        #[cfg(feature = "cache")]
        let layer = self.cache_store.apply(layer);
        layer
    }

    /// The longest connect timeout in the file. `HttpClient` never takes longer than its own (10 s unless
    /// its builder sets another), so a longer one needs a client that has it too.
    #[must_use]
    pub fn longest_connect_timeout(&self) -> Option<Duration> {
        let of_gateway = |settings: &Arc<GatewaySettings>| {
            let of_providers = settings.provider_timeouts.iter().map(|(_, own)| own.connect);
            let default = settings.defaults().and_then(|defaults| defaults.connect_timeout);
            of_providers.chain([settings.timeouts.connect, default]).flatten().max()
        };
        self.settings.iter().filter_map(of_gateway).max()
    }

    /// Applies `[health]` and `[retry]` to `layer`, its clones and their services, for future
    /// requests. `layer` is the [`control_layer`](Self::control_layer) of an earlier version of the
    /// file. Unchanged parts keep their state, such as open circuits.
    pub fn update_control(&self, layer: &ControlLayer) {
        let Control { breaker, cool_down, budget, max_body_bytes } = self.control;
        layer.reconfigure(
            (breaker, cool_down),
            budget.unwrap_or(RetryLayer::BUDGET),
            max_body_bytes.unwrap_or(REPLAY_LIMIT),
        );
    }

    /// Returns true if both files have the same `[health]` and `[retry]`. If not,
    /// apply the changes with [`update_control`](Self::update_control).
    #[must_use]
    pub fn has_same_control(&self, other: &Self) -> bool {
        self.control == other.control
    }
}

#[cfg(feature = "limits")]
impl Config {
    /// Returns true if both files have the same `[limits]`. Changes there need a new
    /// [`control_layer`](Self::control_layer); updating one does not apply them.
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    #[must_use]
    pub fn has_same_limit_store(&self, other: &Self) -> bool {
        self.limit_store == other.limit_store
    }
}

#[cfg(feature = "cache")]
impl Config {
    /// Returns true if both files have the same `[cache]`. Changes there need a new
    /// [`control_layer`](Self::control_layer); updating one does not apply them. The cache rules of
    /// a gateway are in its settings and are always updated.
    #[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
    #[must_use]
    pub fn has_same_cache_store(&self, other: &Self) -> bool {
        self.cache_store == other.cache_store
    }
}

#[cfg(feature = "jwt")]
impl Config {
    /// The layer for `[identity.jwt]`, to be put above the gateway. Without that section it passes
    /// every request through.
    ///
    /// When the file changes, call [`update_jwt`](Self::update_jwt).
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn jwt_layer(&self) -> JwtLayer {
        let layer = JwtLayer::off();
        self.update_jwt(&layer);
        layer
    }

    /// Returns true if the file has `[identity.jwt]`.
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    #[must_use]
    pub fn checks_tokens(&self) -> bool {
        self.jwt.is_some()
    }

    /// Applies `[identity.jwt]` to `layer`, its clones and their services, for future requests.
    /// Keys that were fetched from an unchanged URL are kept.
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn update_jwt(&self, layer: &JwtLayer) {
        match &self.jwt {
            Some(own) => layer.replace_and_keep_keys(own),
            None => layer.replace(&JwtLayer::off()),
        }
    }
}
