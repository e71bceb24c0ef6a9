//! The memory for an entry that is read from Redis.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::queue::BATCH;
use crate::util::budget::{BodyBudget, Held};

/// How long the rest of a response waits for memory …
const PATIENCE: Duration = Duration::from_secs(30);
/// … and the pause between two attempts.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// An entry's share of the body budget.
pub(super) enum Room {
    /// Spare memory: if there is none, the request calls the provider.
    Spare(Held),
    /// Needed memory: the client has a part of the response.
    Granted(Held),
}

impl Room {
    pub(super) fn spare(budget: &BodyBudget) -> Self {
        Self::Spare(budget.share())
    }

    /// Waits until the budget has room for `bytes`; `None` if it has none in time. One batch is granted at
    /// once: each reader holds as much uncounted.
    pub(super) async fn wait(budget: &BodyBudget, bytes: usize) -> Option<Self> {
        let mut held = budget.share();
        let until = Instant::now() + PATIENCE;
        while !held.grow(bytes) && bytes > BATCH {
            if bytes > budget.limit() || Instant::now() >= until {
                return None;
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Some(Self::Granted(held))
    }

    /// Whether the client has no part of the response yet.
    pub(super) fn is_spare(&self) -> bool {
        matches!(self, Self::Spare(_))
    }

    /// Whether the entry may take `bytes`.
    #[must_use]
    pub(super) fn has(&mut self, bytes: usize) -> bool {
        match self {
            Self::Spare(held) => held.grow_modestly(bytes),
            Self::Granted(_) => true,
        }
    }

    pub(super) fn held(self) -> Held {
        match self {
            Self::Spare(held) | Self::Granted(held) => held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_long_entry_waits_for_memory() {
        let budget = BodyBudget::new(2 * BATCH);
        let mut all = budget.share();
        assert!(all.grow(2 * BATCH));
        let began = Instant::now();
        for (bytes, is_granted, seconds) in
            [(BATCH, true, 0), (2 * BATCH + 1, false, 0), (2 * BATCH, false, 30)]
        {
            assert_eq!(Room::wait(&budget, bytes).await.is_some(), is_granted, "{bytes}");
            assert_eq!(began.elapsed().as_secs(), seconds, "{bytes}");
        }
        drop(all);
        let room = Room::wait(&budget, 2 * BATCH).await.unwrap();
        assert_eq!((budget.used(), began.elapsed().as_secs()), (2 * BATCH, 30));
        assert_eq!(room.held().bytes(), 2 * BATCH);
        assert_eq!(budget.used(), 0);
    }
}
