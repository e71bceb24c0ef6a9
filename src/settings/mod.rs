//! The settings of each gateway.
//!
//! A path names its gateway by `{account_id}/{gateway_id}`. That gateway's [`GatewaySettings`] say
//! who may use it, which keys, models and providers it has, and the defaults of requests. They come
//! from a [`SettingsResolver`], such as a [`Settings`] handle on a [`SettingsTable`]. With the
//! feature `config`, a table can be read from a TOML file (`config::Config`).

mod builder;
#[cfg(feature = "cache")]
#[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
pub mod cache;
mod check;
mod client;
mod concurrency;
mod defaults;
mod error;
mod fallback;
mod handle;
pub(crate) mod keys;
#[cfg(feature = "limits")]
#[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
pub mod limits;
mod origins;
mod resolved;
mod resolver;
pub mod route;
mod rules;
mod scope;
mod source;
mod table;
mod token;

pub use self::builder::GatewaySettingsBuilder;
pub use self::client::ClientCredentials;
pub use self::concurrency::ConcurrencyLimit;
pub(crate) use self::concurrency::ConcurrencyLimits;
pub use self::error::SettingsError;
pub use self::fallback::FallbackChain;
pub use self::handle::Settings;
use self::keys::Keys;
pub(crate) use self::origins::Origins;
#[cfg(feature = "cache")]
pub(crate) use self::scope::is_named;
pub use crate::directives::locks::{ClientControl, LockedHeaders};

pub use self::resolved::IntoSettings;
pub use self::resolver::{SettingsQuery, SettingsResolver};
use self::route::DynamicRoutes;
pub(crate) use self::rules::Rules;
#[cfg(any(feature = "cache", feature = "limits"))]
pub(crate) use self::rules::{canonical as canonical_model, is_one_of as is_one_of_models};
pub use self::source::{OwnedSettingsQuery, SettingsSource};
pub use self::table::SettingsTable;
#[cfg(feature = "limits")]
pub(crate) use self::table::shared_place;
pub use self::token::GatewayToken;
pub(crate) use self::token::digest;
pub use crate::credentials::secret::{Secret, SecretError};
use crate::directives::locks::Locks;
pub use crate::directives::timeouts::Timeouts;
pub use crate::directives::{Backoff, Directives};
use crate::provider::Upstream;
pub use crate::usage::custom_cost::CustomCost;
use crate::util::opaque::opaque_debug;

/// The settings of one gateway. Build them with [`GatewaySettings::builder`], which checks
/// everything; the default allows everything.
///
/// ```
/// use std::sync::Arc;
/// use tower_ai_gateway::settings::GatewaySettings;
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// // The same for all gateways.
/// let settings = GatewaySettings::builder().deny_models(["*-preview"]).build()?;
/// let gateway =
///     GatewayLayer::builder().provider(Provider::xai()).settings(Arc::new(settings)).build()?;
/// # let _ = gateway;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct GatewaySettings {
    /// The id that limits count under, whatever ids a client names. 0 until the settings have a
    /// place.
    pub(crate) scope: u64,
    pub(crate) tokens: Vec<GatewayToken>,
    pub(crate) keys: Keys,
    pub(crate) rules: Rules,
    /// What clients may not set.
    pub(crate) locks: Locks,
    /// Includes the host's own metadata.
    defaults: Option<Box<Directives>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) provider_timeouts: Vec<(Box<str>, Timeouts)>,
    pub(crate) fallbacks: Vec<FallbackChain>,
    pub(crate) routes: DynamicRoutes,
    pub(crate) concurrency: ConcurrencyLimits,
    /// Whether conversations keep their key and base URL; `None`: if there are several.
    pub(crate) session_affinity: Option<bool>,
    #[cfg(feature = "limits")]
    pub(crate) limits: limits::Limits,
    /// The cache; `None` if only requests can ask for it.
    #[cfg(feature = "cache")]
    pub(crate) cache: Option<Box<cache::CacheSettings>>,
    /// For models that name no provider.
    pub(crate) default_provider: Option<Box<str>>,
    /// Set if stored keys are used without a token: then the page that sends a request matters.
    pub(crate) origins: Option<Box<Origins>>,
    /// Keys that are not stored here come from a layer below.
    pub(crate) takes_keys_from_layer: bool,
    /// Requests without a key for their provider are refused.
    pub(crate) requires_credentials: bool,
    /// `None` if the host has not chosen.
    pub(crate) client_credentials: Option<ClientCredentials>,
    /// By slug or alias; the first entry for a provider counts.
    pub(crate) provider_client_credentials: Vec<(Box<str>, ClientCredentials)>,
}

impl GatewaySettings {
    /// The locks of these settings, or the default ones.
    pub(crate) fn locks_of(settings: Option<&Self>) -> &Locks {
        settings.map_or(Locks::unset(), |settings| &settings.locks)
    }

    /// Returns true if clients must send a token.
    #[must_use]
    pub fn asks_for_token(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// The number of this token among the gateway's, if it is one of them.
    pub(crate) fn token_number(&self, shown: &[u8]) -> Option<usize> {
        if shown.is_empty() { None } else { token::position(&self.tokens, &digest(shown)) }
    }

    /// Returns true if there are limit rules.
    pub(crate) fn is_limited(&self) -> bool {
        #[cfg(feature = "limits")]
        return !self.limits.rules.is_empty();
        #[cfg(not(feature = "limits"))]
        false
    }

    /// Returns true if a limit needs the model or tokens, so that the start of a body must be read.
    pub(crate) fn reads_for_limits(&self) -> bool {
        #[cfg(feature = "limits")]
        return self.limits.reads_bodies;
        #[cfg(not(feature = "limits"))]
        false
    }

    /// Returns true if a rule needs the start of a body.
    pub(crate) fn reads_models(&self) -> bool {
        self.goes_by_model() || self.reads_for_limits()
    }

    /// Returns true if a limit or cache rule depends on the model. Then a request must not name two
    /// models, because the provider might use the other one.
    pub(crate) fn goes_by_model(&self) -> bool {
        #[cfg(feature = "cache")]
        if self.cache.as_deref().is_some_and(cache::CacheSettings::goes_by_model) {
            return true;
        }
        #[cfg(feature = "limits")]
        return self.limits.go_by_model;
        #[cfg(not(feature = "limits"))]
        false
    }

    /// Returns true if a rule depends on usage or cost, so that responses must be metered.
    pub(crate) fn meters_for_limits(&self) -> bool {
        #[cfg(feature = "limits")]
        return self.limits.meters;
        #[cfg(not(feature = "limits"))]
        false
    }

    /// How to treat a client's own key for this provider.
    pub(crate) fn client_credentials_for(&self, upstream: &Upstream) -> ClientCredentials {
        let own = self.provider_client_credentials.iter();
        let own = own.filter(|(name, _)| upstream.answers_to(name)).map(|(_, own)| *own).next();
        own.or(self.client_credentials).unwrap_or_default()
    }

    /// What applies if a request does not say.
    pub(crate) fn defaults(&self) -> Option<&Directives> {
        self.defaults.as_deref()
    }

    /// The timeouts for a provider.
    // Called twice per request. Inlined: the returned value is large, and most gateways have no
    // list.
    #[inline(always)]
    pub(crate) fn timeouts_of(&self, upstream: &Upstream) -> Timeouts {
        let own = self.provider_timeouts.iter().find(|(name, _)| upstream.answers_to(name));
        own.map_or(self.timeouts, |(_, own)| own.or(self.timeouts))
    }
}

// Counts tokens and keys only: even the name of a key may say too much for a log.
opaque_debug!(GatewaySettings {
    tokens.len(),
    keys.iter().count(),
    rules,
    timeouts,
    fallbacks,
    routes.len()
});
