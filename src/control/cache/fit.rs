//! Whether an entry suits a request, by its status and its age.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::asked::Policy;
use super::entry::{CacheEntry, NewEntry};

/// Whether a status is stored: a success, and a listed one if the rule lists some. A response that promises
/// a result, is empty or partial, or has several outcomes is not stored.
pub(super) fn is_kept(status: StatusCode, policy: &Policy) -> bool {
    let is_whole = !matches!(
        status,
        StatusCode::ACCEPTED
            | StatusCode::NO_CONTENT
            | StatusCode::RESET_CONTENT
            | StatusCode::PARTIAL_CONTENT
            | StatusCode::MULTI_STATUS
    );
    let statuses = &policy.statuses;
    let is_listed = statuses.is_empty() || statuses.contains(&status.as_u16());
    status.is_success() && is_whole && is_listed
}

impl CacheEntry {
    /// The age of the entry: zero if the clock was set back.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.parts().stored_at).unwrap_or_default()
    }

    /// How long the entry is fresh, and how much longer it is stale: as it was stored, but no longer than
    /// the policy of the request allows.
    fn times(&self, policy: &Policy) -> (Duration, Duration) {
        let NewEntry { fresh_for, stale_for, .. } = self.parts();
        (*fresh_for.min(&policy.fresh_for), *stale_for.min(&policy.stale_for))
    }

    /// Whether the request may get the entry.
    pub(super) fn is_fresh(&self, now: SystemTime, policy: &Policy) -> bool {
        is_kept(self.parts().status, policy) && self.age(now) < self.times(policy).0
    }

    /// Whether the request may get the entry, at least if the provider fails.
    pub(super) fn is_spare(&self, now: SystemTime, policy: &Policy) -> bool {
        let (fresh_for, stale_for) = self.times(policy);
        is_kept(self.parts().status, policy) && self.age(now) < fresh_for.saturating_add(stale_for)
    }

    /// Whether any request may get the entry, at least if the provider fails.
    pub(super) fn is_usable(&self, now: SystemTime) -> bool {
        let NewEntry { fresh_for, stale_for, .. } = self.parts();
        self.age(now) < fresh_for.saturating_add(*stale_for)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;
    use crate::settings::cache::ReplayPace;

    fn policy(fresh_for: u64, stale_for: u64, statuses: &[u16]) -> Policy {
        Policy {
            fresh_for: Duration::from_secs(fresh_for),
            stale_for: Duration::from_secs(stale_for),
            is_shared: false,
            pace: ReplayPace::AtOnce,
            most_request_bytes: 1,
            most_response_bytes: 1,
            statuses: statuses.into(),
            custom: Some("what was asked".into()),
        }
    }

    #[test]
    fn the_policy_of_the_request_bounds_the_age_of_an_entry() {
        let now = SystemTime::now();
        let entry = CacheEntry::new(NewEntry {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            frames: vec![Bytes::from_static(b"text")],
            times: Vec::new(),
            trailers: None,
            stored_at: now - Duration::from_secs(100),
            fresh_for: Duration::from_secs(200),
            stale_for: Duration::from_secs(200),
        });
        for (policy, expected) in [
            (policy(150, 0, &[]), (true, true)),
            (policy(900, 0, &[]), (true, true)),
            (policy(60, 0, &[]), (false, false)),
            (policy(60, 60, &[]), (false, true)),
            (policy(60, 30, &[]), (false, false)),
            (policy(150, 150, &[201]), (false, false)),
            (policy(150, 0, &[200, 201]), (true, true)),
        ] {
            let got = (entry.is_fresh(now, &policy), entry.is_spare(now, &policy));
            assert_eq!(got, expected, "{policy:?}");
        }
        let late = now + Duration::from_secs(250);
        assert!(!entry.is_spare(late, &policy(150, 150, &[])) && entry.is_usable(late));
        for shown in [format!("{:?}", policy(1, 1, &[])), format!("{:?}", entry.parts())] {
            assert!(!shown.contains("text") && !shown.contains("asked"), "{shown}");
        }
    }

    #[test]
    fn successes_are_stored_unless_a_rule_lists_statuses() {
        let kept = |status, statuses: &[u16]| {
            is_kept(StatusCode::from_u16(status).unwrap(), &policy(1, 1, statuses))
        };
        for status in [200, 201, 203, 299] {
            assert!(kept(status, &[]) && kept(status, &[status]), "{status}");
            assert!(!kept(status, &[250]), "{status}");
        }
        for status in [199, 202, 204, 205, 206, 207, 300, 404, 500] {
            assert!(!kept(status, &[]) && !kept(status, &[status]), "{status}");
        }
    }
}
