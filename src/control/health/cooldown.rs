//! Cool-downs: no calls with a key that was told to wait.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::settings::CoolDownSettings;

/// The end of a cool-down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CoolDown {
    until: Option<Instant>,
}

impl CoolDown {
    /// The end, if it is in the future.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// A later answer with an earlier time does not shorten the cool-down.
    pub(super) fn begin(&mut self, duration: Duration, now: Instant) {
        self.until = self.until.max(Some(now + duration));
    }
}

/// How long an answer asks to wait. `retry_after` parses the header, only if it is needed.
pub(super) fn asked(
    settings: &CoolDownSettings,
    status: StatusCode,
    retry_after: impl FnOnce() -> Option<Duration>,
) -> Option<Duration> {
    if !matches!(status.as_u16(), 429 | 503 | 529) {
        return None;
    }
    let default = (status == StatusCode::TOO_MANY_REQUESTS).then_some(settings.default);
    let duration = retry_after().or(default)?.min(settings.cap);
    (!duration.is_zero()).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_and_for_how_long() {
        let seconds = Duration::from_secs;
        let default = CoolDownSettings::new();
        let short = default.cap(seconds(5)).default_for(seconds(2));
        for (settings, status, said, expected) in [
            (default, 429, None, Some(seconds(1))),
            (default, 429, Some(seconds(7)), Some(seconds(7))),
            (default, 429, Some(Duration::from_millis(20)), Some(Duration::from_millis(20))),
            (default, 429, Some(seconds(31)), Some(seconds(30))),
            (default, 429, Some(Duration::MAX), Some(seconds(30))),
            (default, 429, Some(Duration::ZERO), None),
            (default, 503, None, None),
            (default, 503, Some(seconds(7)), Some(seconds(7))),
            (default, 529, None, None),
            (default, 529, Some(seconds(7)), Some(seconds(7))),
            (default, 500, Some(seconds(7)), None),
            (default, 408, Some(seconds(7)), None),
            (default, 301, Some(seconds(7)), None),
            (default, 200, Some(seconds(7)), None),
            (short, 429, None, Some(seconds(2))),
            (short, 429, Some(seconds(7)), Some(seconds(5))),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(asked(&settings, status, || said), expected, "{status} {said:?}");
        }
    }

    #[test]
    fn it_is_over_at_its_time_and_never_shortened() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut cooling = CoolDown::default();
        assert_eq!(cooling.until(start), None);
        cooling.begin(Duration::from_secs(10), start);
        cooling.begin(Duration::from_secs(3), at(1));
        assert_eq!(cooling.until(at(1)), Some(at(10)));
        cooling.begin(Duration::from_secs(10), at(2));
        assert_eq!(cooling.until(at(11)), Some(at(12)));
        assert_eq!(cooling.until(at(12)), None);
    }
}
