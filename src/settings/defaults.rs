//! Checks defaults against the ranges of the headers that they replace.

use super::SettingsError;
use crate::directives::Directives;
use crate::directives::form::{Attempts, CacheKey, DelayMs, Form, Id, TimeoutMs, TtlSeconds};

pub(crate) fn check(defaults: &Directives) -> Result<(), SettingsError> {
    const TIMEOUT: &str = "from 1 ms to 1 hour";
    let all = defaults;
    fits::<TimeoutMs>(&all.request_timeout, "request_timeout", TIMEOUT)?;
    fits::<TimeoutMs>(&all.connect_timeout, "connect_timeout", TIMEOUT)?;
    fits::<TimeoutMs>(&all.idle_timeout, "idle_timeout", TIMEOUT)?;
    fits::<TimeoutMs>(&all.total_timeout, "total_timeout", TIMEOUT)?;
    fits::<Attempts>(&all.max_attempts, "max_attempts", "from 1 to 5")?;
    fits::<DelayMs>(&all.retry_delay, "retry_delay", "at most 5 s")?;
    fits::<TtlSeconds>(&all.cache_ttl, "cache_ttl", "zero, or from 60 s to 30 days")?;
    fits::<CacheKey>(&all.cache_key, "cache_key", CacheKey::MUST_BE)?;
    fits::<Id>(&all.byok_alias, "byok_alias", Id::MUST_BE)?;
    // They identify one request, so a gateway cannot have a default for them.
    require(all.gateway_id.is_none(), "gateway_id", "left out")?;
    require(all.event_id.is_none(), "event_id", "left out")
}

fn fits<F: Form>(
    value: &Option<F::Value>,
    what: &'static str,
    must_be: &'static str,
) -> Result<(), SettingsError> {
    require(value.as_ref().is_none_or(F::fits), what, must_be)
}

fn require(is_good: bool, what: &'static str, must_be: &'static str) -> Result<(), SettingsError> {
    if is_good { Ok(()) } else { Err(SettingsError::OutOfRange { what, must_be }) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
