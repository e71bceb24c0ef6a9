//! How often and when a request is sent again.

use std::time::Duration;

use crate::context::GatewayContext;
use crate::directives::Backoff;

/// The maximum number of attempts, including the first.
const MOST_ATTEMPTS: u8 = 5;

/// How often and when a request is sent again.
///
/// Under a gateway, `cf-aig-max-attempts`, `cf-aig-retry-delay` and `cf-aig-backoff`, or else the
/// defaults of its settings, override these.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::control::{RetryLayer, RetrySettings};
/// use tower_ai_gateway::settings::Backoff;
///
/// let settings = RetrySettings::attempts(3)
///     .delay(Duration::from_millis(200))
///     .backoff(Backoff::Linear)
///     .max_retry_after(Duration::from_secs(10));
/// let layer = RetryLayer::new(settings);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    pub(super) max_attempts: u8,
    pub(super) delay: Duration,
    pub(super) backoff: Backoff,
    pub(super) max_delay: Duration,
    pub(super) max_retry_after: Duration,
    pub(super) has_jitter: bool,
}

impl Default for RetrySettings {
    /// One attempt; if a request asks for more, delays start at 500 ms and double.
    fn default() -> Self {
        Self {
            max_attempts: 1,
            delay: Duration::from_millis(500),
            backoff: Backoff::Exponential,
            max_delay: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(30),
            has_jitter: true,
        }
    }
}

impl RetrySettings {
    /// At most this many attempts in total, 1 to 5.
    #[must_use]
    pub fn attempts(attempts: u8) -> Self {
        Self { max_attempts: attempts.clamp(1, MOST_ATTEMPTS), ..Self::default() }
    }

    /// The first delay. Each delay is random between zero and its full length. Default: 500 ms.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// How delays grow. Default: they double.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The maximum delay. Default: 30 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The longest `retry-after` to wait for; with a longer one the response is passed on. Default:
    /// 30 s. Delays in a body are not read (Google's `retryDelay`): [`delay`](Self::delay) applies.
    #[must_use]
    pub fn max_retry_after(mut self, time: Duration) -> Self {
        self.max_retry_after = time;
        self
    }

    /// Whether delays are random. Default: `true`, so that clients do not all come back at once.
    #[must_use]
    pub fn jitter(mut self, on: bool) -> Self {
        self.has_jitter = on;
        self
    }

    /// Returns true if requests are retried without asking for it.
    pub(in crate::control) fn may_repeat(&self) -> bool {
        self.max_attempts > 1
    }

    /// The settings of one request.
    pub(super) fn of(self, context: Option<&GatewayContext>) -> Self {
        let Some(directives) = context.and_then(GatewayContext::directives) else { return self };
        let attempts = directives.max_attempts.unwrap_or(self.max_attempts);
        Self {
            max_attempts: attempts.clamp(1, MOST_ATTEMPTS),
            delay: directives.retry_delay.unwrap_or(self.delay),
            backoff: directives.backoff.unwrap_or(self.backoff),
            ..self
        }
    }

    /// The maximum delay after this number of attempts.
    pub(super) fn full_delay(&self, attempts: u8) -> Duration {
        let attempts = u32::from(attempts.max(1));
        let factor = match self.backoff {
            Backoff::Constant => 1,
            Backoff::Linear => attempts,
            Backoff::Exponential => 1 << (attempts - 1).min(16),
        };
        self.delay.saturating_mul(factor).min(self.max_delay)
    }
}
