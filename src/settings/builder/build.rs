//! Builds settings, and finds each mistake.

use std::sync::atomic::{AtomicU64, Ordering};

use super::GatewaySettingsBuilder;
use crate::directives::pattern::Pattern;
use crate::settings::{GatewaySettings, GatewayToken, SettingsError, defaults};

impl GatewaySettingsBuilder {
    /// Keeps the first mistake, for `build` to report.
    pub(super) fn require(&mut self, is_right: bool, what: &'static str, must_be: &'static str) {
        if !is_right {
            self.mistake.get_or_insert(SettingsError::OutOfRange { what, must_be });
        }
    }

    pub(super) fn pattern(&mut self, pattern: impl AsRef<str>) -> Option<Pattern> {
        let pattern = Pattern::new(pattern.as_ref());
        if pattern.is_none() {
            self.mistake.get_or_insert(SettingsError::Pattern);
        }
        pattern
    }

    /// The first mistake so far. A settings file asks after each setting, to name its place.
    #[cfg(feature = "config")]
    pub(crate) fn mistake(&self) -> Option<&SettingsError> {
        self.mistake.as_ref()
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// A [`SettingsError`] with the problem. Stored keys without a token are an error, unless
    /// something else [authenticates](Self::authenticated_elsewhere).
    pub fn build(self) -> Result<GatewaySettings, SettingsError> {
        let Self { mut settings, is_authenticated_elsewhere, origins, mistake } = self;
        if let Some(mistake) = mistake {
            return Err(mistake);
        }
        if settings.tokens.iter().any(GatewayToken::is_empty) {
            return Err(SettingsError::EmptyToken);
        }
        if settings.tokens.iter().any(GatewayToken::is_short) {
            return Err(SettingsError::ShortToken);
        }
        if settings.tokens.len() > usize::from(u16::MAX) {
            let what = "the number of a gateway's tokens";
            return Err(SettingsError::OutOfRange { what, must_be: "at most 65,535" });
        }
        let has_keys = !settings.keys.is_empty() || settings.takes_keys_from_layer;
        if settings.tokens.is_empty() && has_keys && !is_authenticated_elsewhere {
            return Err(SettingsError::KeysWithoutTokens);
        }
        if is_authenticated_elsewhere && has_keys && settings.client_credentials.is_none() {
            tracing::warn!(
                target: crate::TARGET,
                "something else authenticates this gateway's clients, and nothing says what becomes \
                 of credentials that they bring: the host's own, such as a bearer token, go to the \
                 provider in place of the stored key. Set client_credentials to pass, ignore or refuse"
            );
        }
        let is_open = settings.tokens.is_empty() && has_keys;
        settings.origins = is_open.then(|| Box::new(origins));
        if settings.fallbacks.iter().any(|fallback| fallback.steps.is_empty()) {
            return Err(SettingsError::FallbackWithoutSteps);
        }
        if settings.fallbacks.iter().any(|fallback| fallback.pattern.is_none()) {
            return Err(SettingsError::Pattern);
        }
        if let Some(defaults) = settings.defaults.as_deref() {
            defaults::check(defaults)?;
        }
        if let Some(host) = settings.locks.host_metadata() {
            let defaults = settings.defaults.get_or_insert_default();
            defaults.metadata = std::mem::take(&mut defaults.metadata).after(host);
        }
        #[cfg(feature = "limits")]
        settings.limits.find_routes(&settings.routes)?;
        if settings.scope == 0 {
            static BUILT: AtomicU64 = AtomicU64::new(1);
            settings.scope = BUILT.fetch_add(1, Ordering::Relaxed);
        }
        Ok(settings)
    }
}
