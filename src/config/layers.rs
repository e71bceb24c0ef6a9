//! What a settings file makes for what stands beside the gateway: its client, and layers.

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

/// What [`HttpClient`](crate::HttpClient) shows.
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
impl Config {
    /// The client certificates that the file names, for the servers of `providers`: those of all base
    /// URLs of a provider that has one. They are the file's [`providers`](Self::providers), unless
    /// the host has moved some of them; a base URL of plain http is shown none.
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
    /// Where two providers are on one server, of which not both have the same certificate. For the
    /// file's own providers that is found when it is read.
    pub fn client_certificates(
        &self,
        providers: &[Provider],
    ) -> Result<ClientCertificates, ConfigFileError> {
        self.certificates.at(providers)
    }
}

#[cfg(feature = "control")]
impl Config {
    /// The control layers, with what the file's `[health]`, `[retry]`, `[limits]` and `[cache]` say; where they say
    /// nothing, as [`ControlLayer::new`] makes them.
    ///
    /// They hold for the process: each layer counts for itself, so make one and clone that. When the
    /// file has changed, [`update_control`](Self::update_control) it.
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
        let layer = self.counted_in.apply(layer);
        #[cfg(feature = "cache")]
        let layer = self.kept_in.apply(layer);
        layer
    }

    /// Puts in force what the file's `[health]` and `[retry]` say, where `layer`, its clones and
    /// their services are in use: for requests that come from now on. It is for a
    /// [`control_layer`](Self::control_layer) of an earlier reading of the file. What has not
    /// changed keeps what it knows, such as which circuits are open.
    pub fn update_control(&self, layer: &ControlLayer) {
        let Control { breaker, cool_down, budget, max_body_bytes } = self.control;
        layer.reconfigure(
            (breaker, cool_down),
            budget.unwrap_or(RetryLayer::BUDGET),
            max_body_bytes.unwrap_or(REPLAY_LIMIT),
        );
    }

    /// Whether the other file asks for the same [control layers](Self::control_layer). Where it does
    /// not, [`update_control`](Self::update_control) makes what has changed hold.
    #[must_use]
    pub fn has_same_control(&self, other: &Self) -> bool {
        self.control == other.control
    }
}

#[cfg(feature = "limits")]
impl Config {
    /// Whether the other file has the same `[limits]`. What has changed there holds for a
    /// [`control_layer`](Self::control_layer) that is made anew, and not for one that is updated.
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    #[must_use]
    pub fn has_same_limit_store(&self, other: &Self) -> bool {
        self.counted_in.is_same(&other.counted_in)
    }
}

#[cfg(feature = "cache")]
impl Config {
    /// Whether the other file has the same `[cache]`. What has changed there holds for a
    /// [`control_layer`](Self::control_layer) that is made anew, and not for one that is updated. What is
    /// kept of the answers of a gateway is in its settings, and is always updated.
    #[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
    #[must_use]
    pub fn has_same_cache_store(&self, other: &Self) -> bool {
        self.kept_in.is_same(&other.kept_in)
    }
}

#[cfg(feature = "jwt")]
impl Config {
    /// The layer that the file's `[identity.jwt]` asks for, to stand in front of the gateway. Where
    /// the file has none it lets every request pass.
    ///
    /// When the file has changed, [`update_jwt`](Self::update_jwt) it.
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn jwt_layer(&self) -> JwtLayer {
        let layer = JwtLayer::off();
        self.update_jwt(&layer);
        layer
    }

    /// Whether the file has `[identity.jwt]`.
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    #[must_use]
    pub fn checks_tokens(&self) -> bool {
        self.jwt.is_some()
    }

    /// Puts in force what the file's `[identity.jwt]` says, where `layer`, its clones and their
    /// services are in use: for requests that come from now on. Keys that were fetched from a URL
    /// stay, where it is still the same.
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn update_jwt(&self, layer: &JwtLayer) {
        match &self.jwt {
            Some(own) => layer.replace_and_keep_keys(own),
            None => layer.replace(&JwtLayer::off()),
        }
    }
}
