//! The response headers `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).

use http::{HeaderMap, HeaderName, HeaderValue};

use super::store::Standing;
use super::window::capacity;
use crate::settings::limits::{LimitRule, Measure, Period, Window};
use crate::util::seconds;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Writes what is left of a rule, unless the provider has sent fields of its own.
pub(super) fn write(rule: &LimitRule, standing: &Standing, headers: &mut HeaderMap) {
    if headers.contains_key(POLICY) || headers.contains_key(LIMIT) {
        return;
    }
    // A rule's name has no character that must be escaped.
    let name = &rule.name;
    let quota = capacity(rule.window, rule.amount);
    let mut policy = format!("\"{name}\";q={quota}");
    if let Some(seconds) = seconds_of(rule.window) {
        policy.push_str(&format!(";w={seconds}"));
    }
    if rule.measure == Measure::Requests {
        policy.push_str(";qu=\"requests\"");
    }
    let resets = seconds::rounded_up(standing.resets_after);
    let limit = format!("\"{name}\";r={};t={resets}", standing.remaining);
    for (field, value) in [(POLICY, policy), (LIMIT, limit)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(field, value);
        }
    }
}

/// The share of a rule's capacity that is left, as a multiple of 1 / (2^32 - 1).
pub(super) fn share_left(rule: &LimitRule, standing: &Standing) -> u128 {
    let most = capacity(rule.window, rule.amount).max(1);
    u128::from(standing.remaining) * u128::from(u32::MAX) / u128::from(most)
}

/// The seconds of a window; `None` for months, which differ.
fn seconds_of(window: Window) -> Option<u64> {
    Some(match window {
        Window::Fixed(Period::Minute) => 60,
        Window::Fixed(Period::Hour) => 3600,
        Window::Fixed(Period::Day) => 86_400,
        Window::Fixed(Period::Week) => 604_800,
        Window::Fixed(Period::Month) => return None,
        Window::Sliding(time) | Window::Bucket { per: time, .. } => time.as_secs().max(1),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_share_that_is_left_of_a_bucket_is_that_of_its_burst() {
        let share = |window, left| {
            let standing = Standing { remaining: left, ..Standing::default() };
            share_left(&LimitRule::requests("r", 600, window), &standing)
        };
        let bucket = Window::Bucket { per: Duration::from_secs(60), burst: 20 };
        assert_eq!(share(bucket, 20), u128::from(u32::MAX));
        // Half of a bucket is more than a tenth of a window.
        assert!(share(bucket, 10) > share(Window::Fixed(Period::Hour), 60));
    }
}
