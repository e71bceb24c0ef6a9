//! The times of keys that are fetched.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Clock, Jwks, Location, Shared, Source};
use crate::util::macros::setters;
use crate::util::opaque::opaque_debug;

/// Builds a [`Jwks`] that is fetched, with custom times.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "client")] {
/// use std::time::Duration;
/// use tower_ai_gateway::HttpClient;
/// use tower_ai_gateway::jwt::Jwks;
///
/// let jwks = Jwks::builder("https://issuer.example/keys", HttpClient::new()?)?
///     .fresh_for(Duration::from_secs(600))
///     .timeout(Duration::from_secs(2))
///     .build();
/// # let _ = jwks; }
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct JwksBuilder {
    source: Source,
    location: Location,
    bounds: Bounds,
    clock: Clock,
}

/// Timeouts and lifetimes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long keys are cached if the source does not say.
    pub(super) fresh_for: Duration,
    /// How long they remain in use after that if they cannot be fetched.
    pub(super) stale_for: Duration,
    /// The minimum time between fetches.
    pub(super) interval: Duration,
    /// The timeout of a fetch.
    pub(super) timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_secs(3600),
            stale_for: Duration::from_secs(86_400),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }
    }
}

impl JwksBuilder {
    pub(super) fn new(source: Source, location: Location) -> Self {
        Self { source, location, bounds: Bounds::default(), clock: Arc::new(Instant::now) }
    }
}

setters! { impl JwksBuilder {
    /// How long keys are cached if the issuer does not say. Default: 1 hour.
    pub fn fresh_for(self, time: Duration) => self.bounds.fresh_for = time;

    /// How long keys remain in use after that if there are no newer ones. Default: 1 day.
    pub fn stale_for(self, time: Duration) => self.bounds.stale_for = time;

    /// The minimum time between fetches, whatever tokens arrive. Default: 30 s; at most 5 s while
    /// there are no keys.
    pub fn min_interval(self, time: Duration) => self.bounds.interval = time;

    /// The timeout of a fetch, and of requests that wait for it. Default: 5 s.
    pub fn timeout(self, time: Duration) => self.bounds.timeout = time;

    /// The clock by which keys age, for tests. It does not affect the timeout.
    pub fn clock(self, now: impl Fn() -> Instant + Send + Sync + 'static) =>
        self.clock = Arc::new(now);
}}

impl JwksBuilder {
    /// Creates the keys without fetching any.
    #[must_use]
    pub fn build(self) -> Jwks {
        let Self { source, location, bounds, clock } = self;
        let state = Mutex::default();
        Jwks(Arc::new(Shared { source: Some(source), location, bounds, clock, state }))
    }
}

opaque_debug!(JwksBuilder { location, bounds });
