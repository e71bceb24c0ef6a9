//! How long a request waits for the head of another request's call.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use crate::control::timer::Bound;
use crate::util::timeout::TimeoutPhase;

/// The maximum wait for the head of another request's call, in this process or another.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How long a request waits for a head.
pub(in crate::control) struct Wait {
    /// For the head of another request's call, in this process or another.
    patience: Duration,
    /// When it began to wait for one.
    since: OnceLock<Instant>,
    /// For any head, if the provider is called at most once.
    pub(super) head: Option<Bound>,
}

impl Wait {
    /// `head`: the head timeout, from now on. `asks_once`: the provider is called at most once.
    pub(in crate::control) fn new(head: Option<Duration>, asks_once: bool) -> Self {
        let patience = head.map_or(PATIENCE, |head| head.min(PATIENCE));
        let head = Bound::from_now(TimeoutPhase::Head, head.filter(|_| asks_once));
        Self { patience, since: OnceLock::new(), head }
    }

    /// Until when the request waits for other requests. The first call begins the wait.
    pub(super) fn until(&self) -> Instant {
        *self.since.get_or_init(Instant::now) + self.patience
    }
}
