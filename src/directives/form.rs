//! The forms of values that headers and the `config` of a universal entry share.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Backoff;

pub(crate) const TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(3_600);
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A whole number that a directive takes: what may be said of it, and which ones fit.
pub(crate) struct Whole {
    pub(crate) must_be: &'static str,
    pub(crate) fits: fn(u64) -> bool,
}

pub(crate) const TIMEOUT_MS: Whole = Whole {
    must_be: "milliseconds, a whole number from 1 to 3600000",
    fits: |ms| TIMEOUTS.contains(&Duration::from_millis(ms)),
};
pub(crate) const ATTEMPTS: Whole =
    Whole { must_be: "a whole number from 1 to 5", fits: |attempts| (1..=5).contains(&attempts) };
pub(crate) const DELAY_MS: Whole = Whole {
    must_be: "milliseconds, a whole number from 0 to 5000",
    fits: |ms| Duration::from_millis(ms) <= LONGEST_DELAY,
};
pub(crate) const TTL_SECONDS: Whole = Whole {
    must_be: "seconds, a whole number from 60 to 2592000, or 0 for no cache",
    fits: |seconds| seconds == 0 || (60..=2_592_000).contains(&seconds),
};
pub(crate) const BACKOFF_FORM: &str = "constant, linear or exponential";
pub(crate) const FLAG_FORM: &str = "true or false";
pub(crate) const CACHE_KEY_FORM: &str = "1 to 256 visible ASCII characters";

pub(crate) fn is_cache_key(text: &str) -> bool {
    is_visible(text.as_bytes(), 256)
}

/// Whether a value is one or more visible ASCII characters, and not too long.
pub(crate) fn is_visible(value: &[u8], longest: usize) -> bool {
    (1..=longest).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic)
}

impl Backoff {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "constant" => Some(Self::Constant),
            "linear" => Some(Self::Linear),
            "exponential" => Some(Self::Exponential),
            _ => None,
        }
    }
}
