//! How long a request waits for a head that another request's call is to bring.

use std::time::Duration;

use tokio::time::Instant;

use crate::control::timer::Bound;
use crate::util::timeout::TimeoutPhase;

/// For the head of an answer that another one has asked for, here or elsewhere.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How long a request waits for a head.
#[derive(Clone, Copy)]
pub(in crate::control) struct Wait {
    /// Until when for a head that another one has asked for, here or elsewhere.
    pub(super) until: Instant,
    /// Until when for any head, where its provider is asked once at most.
    pub(super) head: Option<Bound>,
}

impl Wait {
    /// From now on. `head`: how long its provider has. `asks_once`: it is asked once at most.
    pub(in crate::control) fn new(head: Option<Duration>, asks_once: bool) -> Self {
        let patience = head.map_or(PATIENCE, |head| head.min(PATIENCE));
        let head = Bound::from_now(TimeoutPhase::Head, head.filter(|_| asks_once));
        Self { until: Instant::now() + patience, head }
    }
}
