//! The ranges of defaults: those of the headers that they stand for.

use std::time::Duration;

use super::SettingsError;
use crate::directives::Directives;
use crate::directives::form::{ATTEMPTS, LONGEST_DELAY, TIMEOUTS, is_cache_key};
use crate::routing::is_id;

pub(crate) fn check(defaults: &Directives) -> Result<(), SettingsError> {
    let timeouts = [
        ("request_timeout", defaults.request_timeout),
        ("connect_timeout", defaults.connect_timeout),
        ("idle_timeout", defaults.idle_timeout),
        ("total_timeout", defaults.total_timeout),
    ];
    for (what, timeout) in timeouts {
        let is_good = timeout.is_none_or(|timeout| TIMEOUTS.contains(&timeout));
        require(is_good, what, "from 1 ms to 1 hour")?;
    }
    let attempts = defaults.max_attempts;
    let delay = defaults.retry_delay;
    let ttl = defaults.cache_ttl;
    let is_ttl = |ttl: Duration| ttl.is_zero() || (60..=2_592_000).contains(&ttl.as_secs());
    let key = defaults.cache_key.as_deref();
    let alias = defaults.byok_alias.as_deref();
    let rules = [
        (attempts.is_none_or(|all| (ATTEMPTS.fits)(all.into())), "max_attempts", "from 1 to 5"),
        (delay.is_none_or(|delay| delay <= LONGEST_DELAY), "retry_delay", "at most 5 s"),
        (ttl.is_none_or(is_ttl), "cache_ttl", "zero, or from 60 s to 30 days"),
        (key.is_none_or(is_cache_key), "cache_key", "1 to 256 visible ASCII characters"),
        (alias.is_none_or(is_id), "byok_alias", "1 to 64 of A-Z a-z 0-9 - _ ."),
        // They tell one request from another: no gateway can know them.
        (defaults.gateway_id.is_none(), "gateway_id", "left out"),
        (defaults.event_id.is_none(), "event_id", "left out"),
    ];
    rules.into_iter().try_for_each(|(is_good, what, must_be)| require(is_good, what, must_be))
}

fn require(is_good: bool, what: &'static str, must_be: &'static str) -> Result<(), SettingsError> {
    if is_good { Ok(()) } else { Err(SettingsError::OutOfRange { what, must_be }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_have_the_ranges_of_their_headers() {
        let wrong = |set: fn(&mut Directives)| {
            let mut defaults = Directives::default();
            set(&mut defaults);
            match check(&defaults) {
                Err(SettingsError::OutOfRange { what, .. }) => what,
                _ => "nothing",
            }
        };
        let (hour, second) = (Duration::from_secs(3_600), Duration::from_secs(1));
        for (what, found) in [
            ("request_timeout", wrong(|of| of.request_timeout = Some(Duration::ZERO))),
            ("connect_timeout", wrong(|of| of.connect_timeout = Some(Duration::from_micros(999)))),
            ("idle_timeout", wrong(|of| of.idle_timeout = Some(Duration::from_secs(3_601)))),
            ("total_timeout", wrong(|of| of.total_timeout = Some(Duration::MAX))),
            ("max_attempts", wrong(|of| of.max_attempts = Some(0))),
            ("retry_delay", wrong(|of| of.retry_delay = Some(Duration::from_millis(5_001)))),
            ("cache_ttl", wrong(|of| of.cache_ttl = Some(Duration::from_secs(59)))),
            ("cache_key", wrong(|of| of.cache_key = Some("a b".into()))),
            ("byok_alias", wrong(|of| of.byok_alias = Some("".into()))),
            ("gateway_id", wrong(|of| of.gateway_id = Some("gw".into()))),
            ("event_id", wrong(|of| of.event_id = Some(http::HeaderValue::from_static("e")))),
        ] {
            assert_eq!(found, what);
        }
        let good = Directives {
            request_timeout: Some(hour),
            idle_timeout: Some(second),
            cache_ttl: Some(Duration::ZERO),
            ..Directives::default()
        };
        assert_eq!(check(&good), Ok(()));
    }
}
