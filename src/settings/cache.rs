//! Which answers of a gateway are kept, for how long, and for whom.

use std::time::Duration;

use crate::directives::pattern::Pattern;

/// How the answers of a gateway are kept and given again.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::GatewaySettings;
/// use tower_ai_gateway::settings::cache::{CacheRule, CacheSettings};
///
/// let hour = Duration::from_secs(3600);
/// let settings = GatewaySettings::builder()
///     .cache(CacheSettings::new(hour).rule(CacheRule::never().only_models(["*-preview"])))
///     .build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until it is given to the settings of a gateway"]
pub struct CacheSettings {
    /// `None`: only where a request asks for it.
    pub(crate) ttl: Option<Duration>,
    pub(crate) is_shared: bool,
    pub(crate) stale_if_error: Duration,
    pub(crate) pace: ReplayPace,
    pub(crate) rules: Vec<CacheRule>,
}

impl CacheSettings {
    /// Every answer that can be kept, for so long: 60 s to 30 days.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..Self::default() }
    }

    /// Only the answers to requests that ask for it by `cf-aig-cache-key`.
    pub fn on_request() -> Self {
        Self::default()
    }

    /// Gives one caller's answers to the others of the gateway, too. Default: each caller has its own.
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// For how long behind its time an answer may be given where the provider fails. Default: not at all.
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.stale_if_error = time;
        self
    }

    /// How fast a stream is given again. Default: at once.
    pub fn pace(mut self, pace: ReplayPace) -> Self {
        self.pace = pace;
        self
    }

    /// What holds for some requests. Of several, the first that fits holds.
    pub fn rule(mut self, rule: CacheRule) -> Self {
        self.rules.push(rule);
        self
    }
}

/// How fast a stream is given again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayPace {
    /// As fast as the client reads.
    #[default]
    AtOnce,
    /// As it came from the provider.
    Recorded,
}

/// What holds for some requests of a gateway.
#[derive(Clone, Debug, Default)]
#[must_use = "a rule does nothing until it is given to the settings of a cache"]
pub struct CacheRule {
    /// `Some(0)`: nothing is kept.
    pub(crate) ttl: Option<Duration>,
    pub(crate) models: Vec<Pattern>,
    pub(crate) has_bad_model: bool,
    pub(crate) paths: Vec<Box<str>>,
    pub(crate) most_request_bytes: Option<u64>,
    pub(crate) most_response_bytes: Option<u64>,
    pub(crate) statuses: Vec<u16>,
}

impl CacheRule {
    /// Keeps the answers to these requests for so long.
    pub fn keep(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..Self::default() }
    }

    /// Keeps none of the answers to these requests.
    pub fn never() -> Self {
        Self::keep(Duration::ZERO)
    }

    /// Only requests for these models; `*` stands for any text.
    pub fn only_models<P: AsRef<str>>(mut self, models: impl IntoIterator<Item = P>) -> Self {
        for model in models {
            match Pattern::new(&model.as_ref().to_lowercase()) {
                Some(pattern) => self.models.push(pattern),
                None => self.has_bad_model = true,
            }
        }
        self
    }
}
