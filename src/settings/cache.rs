//! Which responses of a gateway are cached, for how long, and for whom.
//!
//! The cache stores complete successful responses as the provider has sent them: JSON, images,
//! audio and event streams. Callers do not share entries, unless the cache is
//! [`shared`](CacheSettings::shared): the [`Identity`](crate::Identity), the gateway token and the
//! client's provider key are in the cache key. The provider's `cache-control` is ignored: providers
//! forbid caching throughout, and here the operator has asked for it.
//!
//! Gateways share no entries. Settings in a [`SettingsTable`](super::SettingsTable), or with a
//! [`scope`](super::GatewaySettingsBuilder::scope), keep their entries when they are replaced, and
//! share them with other processes if the store does. Other settings have separate entries for each
//! build.
//!
//! Clients may use `cf-aig-cache-ttl`, `cf-aig-skip-cache` and `cf-aig-cache-key`, unless
//! [`ClientControl::Cache`](super::ClientControl::Cache) is locked. `cf-aig-cache-key` asks for the
//! cache even if the gateway does not; `cf-aig-cache-ttl` alone does not. A client's TTL overrides
//! the gateway's, but not a rule that [never](CacheRule::never) stores.

mod rule;

use std::time::Duration;

pub use self::rule::CacheRule;
use super::SettingsError;

/// The largest cacheable body of a request, and of a response: 25 MiB.
pub(crate) const MOST_BYTES: u64 = 25 << 20;

/// The shortest and the longest TTL.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// The most rules of a gateway.
const MOST_RULES: usize = 64;

/// How a gateway caches responses.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::GatewaySettings;
/// use tower_ai_gateway::settings::cache::{CacheRule, CacheSettings};
///
/// let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
/// let cache = CacheSettings::new(hour)
///     .stale_if_error(day)
///     .rule(CacheRule::never().only_models(["*-preview"]))
///     .rule(CacheRule::keep(day).only_paths(["embeddings"]).max_response_bytes(1 << 20));
/// let settings = GatewaySettings::builder().cache(cache).build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until it is given to the settings of a gateway"]
pub struct CacheSettings {
    /// `None`: only if a request asks for it.
    pub(crate) ttl: Option<Duration>,
    pub(crate) is_shared: bool,
    pub(crate) stale_if_error: Duration,
    pub(crate) pace: ReplayPace,
    pub(crate) rules: Vec<CacheRule>,
}

impl CacheSettings {
    /// Caches every cacheable response with this TTL: 60 s to 30 days, which
    /// [`build`](super::GatewaySettingsBuilder::build) checks.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..Self::default() }
    }

    /// Caches only requests with a `cf-aig-cache-key`, for 300 s unless they set a TTL, and
    /// requests with a [rule](Self::rule) that has one.
    pub fn on_request() -> Self {
        Self::default()
    }

    /// Lets the gateway's callers share entries: identity and gateway token are left out of the
    /// cache key. The client's provider key stays in it, so clients with different keys share
    /// nothing. Requests with a `cf-aig-cache-key` share nothing either, because one caller could
    /// then choose the entry of another. Default: callers do not share.
    ///
    /// If the key comes from a [layer](super::GatewaySettingsBuilder::keys_from_layer), which may
    /// have a key for each caller, callers do not share: their [`Identity`](crate::Identity), with
    /// its groups and labels, and their token are in the cache key. If the layer has several keys
    /// for an identity, by [`KeyScope`](crate::control::KeyScope), they count as one caller.
    ///
    /// A request without an identity, a key of its client and a gateway token has no caller to tell
    /// from others, so it bypasses the cache unless that is shared. So does a request with only a
    /// token, if the key comes from a layer.
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// How long past its TTL an entry is served if the provider fails, up to 30 days. Default: not
    /// at all.
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.stale_if_error = time;
        self
    }

    /// The pace of a replayed stream. Default: at once.
    pub fn pace(mut self, pace: ReplayPace) -> Self {
        self.pace = pace;
        self
    }

    /// Adds a rule for some requests, which replaces the TTL of [`new`](Self::new). The first rule
    /// that matches counts. Up to 64.
    pub fn rule(mut self, rule: CacheRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Whether the model of a request must be known to find its rule.
    pub(crate) fn goes_by_model(&self) -> bool {
        self.rules.iter().any(|rule| !rule.models.is_empty())
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        require(self.ttl.is_none_or(is_ttl), "the time to live of a cache", TTL)?;
        require(self.stale_if_error <= LONGEST, "`stale_if_error` of a cache", "at most 30 days")?;
        require(self.rules.len() <= MOST_RULES, "the rules of a cache", "64 at most")?;
        self.rules.iter().try_for_each(CacheRule::check)
    }
}

const TTL: &str = "from 60 s to 30 days";

fn is_ttl(ttl: Duration) -> bool {
    (SHORTEST..=LONGEST).contains(&ttl)
}

fn require(is_good: bool, what: &'static str, must_be: &'static str) -> Result<(), SettingsError> {
    if is_good { Ok(()) } else { Err(SettingsError::OutOfRange { what, must_be }) }
}

/// The pace of a replayed stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayPace {
    /// As fast as the client reads.
    #[default]
    AtOnce,
    /// As it came from the provider.
    Recorded,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::GatewaySettings;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn every_mistake_is_found() {
        let built = |cache| GatewaySettings::builder().cache(cache).build().map(|_| ());
        let ruled = |rule| built(CacheSettings::on_request().rule(rule));
        let second = Duration::from_secs(1);
        for good in [
            built(CacheSettings::new(SHORTEST).stale_if_error(LONGEST)),
            built(CacheSettings::new(LONGEST)),
            built(CacheSettings::on_request()),
            ruled(CacheRule::never().only_models(["a*"]).only_paths(["x"])),
            ruled(CacheRule::keep(HOUR).max_request_bytes(1).max_response_bytes(MOST_BYTES)),
            ruled(CacheRule::keep(HOUR).statuses([200, 299])),
        ] {
            assert_eq!(good, Ok(()));
        }
        let many = (0..=MOST_RULES).fold(CacheSettings::on_request(), |cache, _| {
            cache.rule(CacheRule::never().only_paths(["x"]))
        });
        for bad in [
            built(CacheSettings::new(SHORTEST - second)),
            built(CacheSettings::new(LONGEST + second)),
            built(CacheSettings::new(Duration::ZERO)),
            built(CacheSettings::on_request().stale_if_error(LONGEST + second)),
            built(many),
            ruled(CacheRule::keep(Duration::ZERO)),
            ruled(CacheRule::keep(SHORTEST - second)),
            ruled(CacheRule::keep(LONGEST + second)),
            ruled(CacheRule::keep(HOUR).max_request_bytes(0)),
            ruled(CacheRule::keep(HOUR).max_response_bytes(MOST_BYTES + 1)),
            ruled(CacheRule::keep(HOUR).statuses([199])),
            ruled(CacheRule::keep(HOUR).statuses([200, 300])),
            ruled(CacheRule::never().statuses([200])),
            ruled(CacheRule::never().max_request_bytes(1)),
        ] {
            assert!(matches!(bad, Err(SettingsError::OutOfRange { .. })), "{bad:?}");
        }
        assert_eq!(ruled(CacheRule::keep(HOUR).only_models([""])), Err(SettingsError::Pattern));
    }

    #[test]
    fn a_rule_is_for_its_models_and_paths() {
        let rule = CacheRule::keep(HOUR).only_models(["gpt-5*"]).only_paths(["chat/completions"]);
        for (model, path, expected) in [
            (Some("gpt-5-mini"), "v1/chat/completions", true),
            (Some("openai/GPT-5:free"), "chat/completions", true),
            (Some("gpt-4"), "chat/completions", false),
            (Some("gpt-5"), "v1/responses", false),
            (None, "chat/completions", false),
        ] {
            assert_eq!(rule.is_for(model, path), expected, "{model:?} {path}");
        }
    }

    #[test]
    fn a_model_that_is_not_known_is_never_kept_where_a_rule_says_so_of_some() {
        let never = CacheRule::never().only_models(["*-preview"]);
        assert!(never.is_for(Some("a-preview"), "responses") && never.is_for(None, "responses"));
        assert!(!never.is_for(Some("a"), "responses"));
        let elsewhere = never.only_paths(["embeddings"]);
        assert!(!elsewhere.is_for(None, "responses"));
    }
}
