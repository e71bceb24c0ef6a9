//! Settings of circuit breakers and cool-downs.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The maximum of any duration here.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// When a circuit breaker opens, and for how long.
///
/// It opens after [`failures_in_a_row`](Self::failures_in_a_row), or if
/// [`failed_share`](Self::failed_share) of at least [`min_calls`](Self::min_calls) within the
/// [`window`](Self::window) have failed. After [`open_for`](Self::open_for), one call probes
/// whether the upstream has recovered, and another whenever [`probe_for`](Self::probe_for) passes
/// without an answer.
///
/// A value out of range is clamped; [`validate`](Self::validate) reports it.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::control::health::BreakerSettings;
///
/// let settings = BreakerSettings::new().failures_in_a_row(10).open_for(Duration::from_secs(60));
/// assert!(settings.validate().is_ok());
/// assert_eq!(settings.failed_share(2.0).validate().unwrap_err().name(), "failed_share");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSettings {
    pub(super) failures_in_a_row: u32,
    pub(super) failed_share: f64,
    pub(super) min_calls: u32,
    pub(super) window: Duration,
    pub(super) open_for: Duration,
    pub(super) probe_for: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures_in_a_row: 5,
            failed_share: 0.5,
            min_calls: 20,
            window: Duration::from_secs(30),
            open_for: Duration::from_secs(30),
            probe_for: Duration::from_secs(5),
        }
    }
}

impl BreakerSettings {
    /// Creates the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many calls in a row must fail; 1 or more. Default: 5. `u32::MAX` turns this condition
    /// off.
    #[must_use]
    pub fn failures_in_a_row(mut self, count: u32) -> Self {
        self.failures_in_a_row = count;
        self
    }

    /// Which share of the calls in the window must fail; above 0, up to 1. Default: 0.5.
    #[must_use]
    pub fn failed_share(mut self, share: f64) -> Self {
        self.failed_share = share;
        self
    }

    /// How many calls the window must hold before the share counts; 1 or more. Default: 20.
    /// `u32::MAX` turns the share off.
    #[must_use]
    pub fn min_calls(mut self, count: u32) -> Self {
        self.min_calls = count;
        self
    }

    /// How long a call counts, precise to a tenth; 10 ms to one day. Default: 30 s.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How long the circuit stays open; 1 ms to one day. Default: 30 s.
    #[must_use]
    pub fn open_for(mut self, duration: Duration) -> Self {
        self.open_for = duration;
        self
    }

    /// How long to wait for a probe's answer before the next probe; 1 ms to one day. Default: 5 s.
    ///
    /// A probe is a client's request, and a slow client must not keep the circuit open.
    #[must_use]
    pub fn probe_for(mut self, duration: Duration) -> Self {
        self.probe_for = duration;
        self
    }

    /// Checks that all values are in range.
    ///
    /// # Errors
    /// Names the first value that is not.
    pub fn validate(&self) -> Result<(), HealthSettingsError> {
        let within = self.within();
        first_wrong(&[
            ("failures_in_a_row", self.failures_in_a_row == within.failures_in_a_row),
            ("failed_share", self.failed_share == within.failed_share),
            ("min_calls", self.min_calls == within.min_calls),
            ("window", self.window == within.window),
            ("open_for", self.open_for == within.open_for),
            ("probe_for", self.probe_for == within.probe_for),
        ])
    }

    /// Clamps all values to their ranges.
    pub(super) fn within(self) -> Self {
        let share = self.failed_share;
        Self {
            failures_in_a_row: self.failures_in_a_row.max(1),
            // NaN is not above 0 either.
            failed_share: if share > 0.0 { share.min(1.0) } else { f64::MIN_POSITIVE },
            min_calls: self.min_calls.max(1),
            window: self.window.clamp(Duration::from_millis(10), LONGEST),
            open_for: self.open_for.clamp(Duration::from_millis(1), LONGEST),
            probe_for: self.probe_for.clamp(Duration::from_millis(1), LONGEST),
        }
    }
}

/// How long a throttled key is not used.
///
/// After a 429 the key waits as long as the provider's `retry-after-ms` or `retry-after` says;
/// likewise after a 503 or 529 that has one of them.
///
/// A value out of range is clamped; [`validate`](Self::validate) reports it.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::control::health::CoolDownSettings;
///
/// let settings = CoolDownSettings::new().cap(Duration::from_secs(120));
/// assert!(settings.validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolDownSettings {
    pub(super) default: Duration,
    pub(super) cap: Duration,
}

impl Default for CoolDownSettings {
    fn default() -> Self {
        Self { default: Duration::from_secs(1), cap: Duration::from_secs(30) }
    }
}

impl CoolDownSettings {
    /// Creates the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The cool-down after a 429 without a time; at most the cap. Default: 1 s.
    #[must_use]
    pub fn default_for(mut self, duration: Duration) -> Self {
        self.default = duration;
        self
    }

    /// The maximum, whatever the provider says; up to one day. Default: 30 s.
    #[must_use]
    pub fn cap(mut self, duration: Duration) -> Self {
        self.cap = duration;
        self
    }

    /// Checks that all values are in range.
    ///
    /// # Errors
    /// Names the first value that is not.
    pub fn validate(&self) -> Result<(), HealthSettingsError> {
        let within = self.within();
        first_wrong(&[("cap", self.cap == within.cap), ("default", self.default == within.default)])
    }

    /// Clamps all values to their ranges.
    pub(super) fn within(self) -> Self {
        let cap = self.cap.min(LONGEST);
        Self { default: self.default.min(cap), cap }
    }
}

fn first_wrong(checks: &[(&'static str, bool)]) -> Result<(), HealthSettingsError> {
    match checks.iter().find(|(_, is_right)| !is_right) {
        Some((name, _)) => Err(HealthSettingsError { name }),
        None => Ok(()),
    }
}

/// A setting is out of range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSettingsError {
    name: &'static str,
}

impl HealthSettingsError {
    /// The setting's name, as in `open_for`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for HealthSettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the setting `{}` is out of its range", self.name)
    }
}

impl Error for HealthSettingsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named_and_taken_at_the_nearest() {
        let sound = BreakerSettings::new();
        assert_eq!(sound.validate(), Ok(()));
        assert_eq!(sound.within(), sound);
        for (settings, name) in [
            (sound.failures_in_a_row(0), "failures_in_a_row"),
            (sound.failed_share(0.0), "failed_share"),
            (sound.failed_share(-1.0), "failed_share"),
            (sound.failed_share(1.01), "failed_share"),
            (sound.failed_share(f64::NAN), "failed_share"),
            (sound.min_calls(0), "min_calls"),
            (sound.window(Duration::ZERO), "window"),
            (sound.window(Duration::MAX), "window"),
            (sound.open_for(Duration::ZERO), "open_for"),
            (sound.open_for(Duration::MAX), "open_for"),
            (sound.probe_for(Duration::ZERO), "probe_for"),
            (sound.probe_for(Duration::MAX), "probe_for"),
        ] {
            assert_eq!(settings.validate().unwrap_err().name(), name);
            assert_eq!(settings.within().validate(), Ok(()), "{settings:?}");
        }
        let sound = CoolDownSettings::new();
        assert_eq!(sound.validate(), Ok(()));
        for (settings, name) in [
            (sound.cap(Duration::MAX), "cap"),
            (sound.default_for(Duration::from_secs(31)), "default"),
        ] {
            assert_eq!(settings.validate().unwrap_err().name(), name);
            assert_eq!(settings.within().validate(), Ok(()), "{settings:?}");
        }
    }
}
