//! Whether and when a request is sent again.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::RetrySettings;
use crate::control::classify::{CallClass, Rule};
use crate::control::retry_after::retry_after;
use crate::hook::Failure;

/// The result of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attempt<'a> {
    Head(StatusCode, &'a HeaderMap),
    /// An error behind a successful status, with the status of that kind of error if known.
    Hidden(Option<StatusCode>, &'a HeaderMap),
    Failed(Failure),
    /// A timeout that the client has chosen.
    GivenUp(Failure),
}

/// The delay before the next attempt; `None` if there is none.
///
/// `attempts` have been made. `random` is between 0 and 1.
pub(super) fn decide(
    settings: &RetrySettings,
    rule: &Rule,
    attempts: u8,
    attempt: Attempt<'_>,
    random: impl FnOnce() -> f64,
) -> Option<Duration> {
    if attempts >= settings.max_attempts || attempt.class(rule) != CallClass::Retry {
        return None;
    }
    let wished = match attempt {
        Attempt::Head(_, headers) => retry_after(headers, SystemTime::now()),
        // The `retry-after` of a success is not about the error: some providers send it always.
        Attempt::Hidden(..) | Attempt::Failed(_) | Attempt::GivenUp(_) => None,
    };
    if wished.is_some_and(|wished| wished > settings.max_retry_after) {
        return None;
    }
    let full = settings.full_delay(attempts);
    let delay = if settings.has_jitter { full.mul_f64(random()) } else { full };
    Some(delay.max(wished.unwrap_or_default()))
}

impl Attempt<'_> {
    fn class(self, rule: &Rule) -> CallClass {
        match self {
            Self::Head(status, headers) | Self::Hidden(Some(status), headers) => {
                rule.response(status, headers)
            }
            Self::Hidden(None, _) => CallClass::Fallback,
            Self::Failed(failure) | Self::GivenUp(failure) => rule.failure(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directives::Backoff;
    use fastrand::Rng;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn waits(status: u16, pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let settings = RetrySettings::attempts(2).jitter(false).delay(SECOND);
        let status = StatusCode::from_u16(status).unwrap();
        let headers = headers(pairs);
        decide(&settings, &Rule::default(), 1, Attempt::Head(status, &headers), || 0.5)
    }

    #[test]
    fn only_what_may_pass_is_met_again() {
        for status in 100..600 {
            let expected = [408, 409, 429, 500, 502, 503, 504, 529].contains(&status);
            assert_eq!(waits(status, &[]).is_some(), expected, "{status}");
        }
        use Failure::*;
        for (failure, expected) in [
            (Connect, true),
            (ConnectTimeout, true),
            (HeadTimeout, true),
            (Reset, true),
            (Overloaded, false),
            (Protocol, false),
            (Unfinished, false),
            (RequestBody, false),
            (Other, false),
        ] {
            let settings = RetrySettings::attempts(2);
            let wait = decide(&settings, &Rule::default(), 1, Attempt::Failed(failure), || 0.5);
            assert_eq!(wait.is_some(), expected, "{failure}");
        }
    }

    #[test]
    fn an_error_under_a_success_counts_by_its_kind() {
        let settings = RetrySettings::attempts(2).jitter(false).delay(SECOND);
        let waits = |status: Option<u16>, pairs| {
            let status = status.map(|status| StatusCode::from_u16(status).unwrap());
            decide(&settings, &Rule::default(), 1, Attempt::Hidden(status, &headers(pairs)), || 0.5)
        };
        assert_eq!(waits(Some(529), &[]), Some(SECOND));
        assert_eq!(waits(Some(429), &[("retry-after", "7")]), Some(SECOND));
        assert_eq!(waits(Some(503), &[("x-should-retry", "false")]), None);
        assert_eq!(waits(Some(400), &[]), None);
        assert_eq!(waits(None, &[]), None, "nobody knows that it will pass");
    }

    #[test]
    fn what_the_provider_says_goes_before_what_is_set() {
        assert_eq!(waits(429, &[]), Some(SECOND));
        assert_eq!(waits(429, &[("retry-after", "7")]), Some(7 * SECOND));
        assert_eq!(waits(503, &[("retry-after", "30")]), Some(30 * SECOND));
        assert_eq!(waits(503, &[("retry-after", "31")]), None);
        assert_eq!(waits(503, &[("retry-after-ms", "1500")]), Some(SECOND + SECOND / 2));
        assert_eq!(waits(503, &[("retry-after", "0")]), Some(SECOND));
        assert_eq!(waits(503, &[("retry-after", "soon")]), Some(SECOND));
        assert_eq!(waits(503, &[("x-should-retry", "false")]), None);
        assert_eq!(waits(503, &[("x-should-retry", "true")]), Some(SECOND));
        assert_eq!(waits(400, &[("x-should-retry", "true")]), None);
    }

    #[test]
    fn delays_grow_as_set_and_up_to_their_bound() {
        let growth = |backoff| {
            let settings = RetrySettings::attempts(5).backoff(backoff).delay(4 * SECOND);
            [1, 2, 3, 4].map(|attempts| settings.full_delay(attempts).as_secs())
        };
        assert_eq!(growth(Backoff::Constant), [4, 4, 4, 4]);
        assert_eq!(growth(Backoff::Linear), [4, 8, 12, 16]);
        assert_eq!(growth(Backoff::Exponential), [4, 8, 16, 30]);
    }

    #[test]
    fn delays_are_drawn_from_all_of_their_length() {
        let settings = RetrySettings::attempts(2).delay(SECOND);
        let mut random = Rng::with_seed(7);
        let failed = Attempt::Failed(Failure::Connect);
        let delays: Vec<_> = (0..10_000)
            .map(|_| decide(&settings, &Rule::default(), 1, failed, || random.f64()).unwrap())
            .collect();
        assert!(delays.iter().all(|delay| *delay <= SECOND));
        let mean = delays.iter().sum::<Duration>() / 10_000;
        assert!((490..510).contains(&mean.as_millis()), "{mean:?}");
        assert!(delays.iter().any(|delay| *delay < SECOND / 100));
        assert!(delays.iter().any(|delay| *delay > SECOND * 99 / 100));
    }

    proptest! {
        #[test]
        fn there_are_never_more_attempts_than_are_set(set in 0_u8..9, attempts in 1_u8..9) {
            let settings = RetrySettings::attempts(set);
            let wait = decide(&settings, &Rule::default(), attempts, Attempt::Failed(Failure::Reset), || 0.5);
            prop_assert_eq!(wait.is_some(), attempts < set.clamp(1, 5));
        }
    }
}
