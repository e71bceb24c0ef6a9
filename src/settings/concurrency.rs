//! Limits of concurrent exchanges.

use std::time::Duration;

use crate::provider::Upstream;

/// A limit of concurrent exchanges, from the call to the end of the response body.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::{ConcurrencyLimit, GatewaySettings};
///
/// let limit = ConcurrencyLimit::new(20).wait(Duration::from_secs(5));
/// let settings = GatewaySettings::builder().concurrency_per_provider(limit).build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyLimit {
    /// The maximum number.
    pub limit: usize,
    /// How long a further exchange waits for a permit before the gateway answers 503.
    pub wait: Duration,
}

impl ConcurrencyLimit {
    /// At most `limit` at once (at least 1). Further exchanges wait for up to 1 s.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), wait: Duration::from_secs(1) }
    }

    /// Sets how long a further exchange waits.
    #[must_use]
    pub fn wait(mut self, time: Duration) -> Self {
        self.wait = time;
        self
    }
}

/// The concurrency limits of a gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConcurrencyLimits {
    pub(crate) gateway: Option<ConcurrencyLimit>,
    /// By slug or alias; `None` applies to each provider separately.
    pub(crate) providers: Vec<(Option<Box<str>>, ConcurrencyLimit)>,
    pub(crate) credential: Option<ConcurrencyLimit>,
}

impl ConcurrencyLimits {
    pub(crate) fn is_empty(&self) -> bool {
        self.gateway.is_none() && self.providers.is_empty() && self.credential.is_none()
    }

    pub(crate) fn of_provider(&self, upstream: &Upstream) -> Option<ConcurrencyLimit> {
        let is_its = |name: &str| upstream.answers_to(name);
        let mut fitting =
            self.providers.iter().filter(|(name, _)| name.as_deref().is_none_or(is_its));
        fitting.next().map(|(_, limit)| *limit)
    }
}
