//! How much of a body is kept.

use crate::context::GatewayContext;
use crate::util::budget::{BodyBudget, FRAME_OVERHEAD, Held};

/// How much of a body to keep, and the exchange that loses its retries if that is exceeded.
pub(crate) struct Keeping {
    pub(super) limit: usize,
    pub(super) share: Option<Held>,
    pub(super) context: Option<GatewayContext>,
}

impl Keeping {
    /// Keep everything: it is in memory anyway.
    pub(super) fn all() -> Self {
        Self { limit: usize::MAX, share: None, context: None }
    }

    /// Keep up to `limit` bytes while `budget` has room.
    pub(super) fn up_to(limit: usize, budget: &BodyBudget) -> Self {
        Self { limit, share: Some(budget.share()), context: None }
    }

    pub(super) fn reporting_to(mut self, context: Option<GatewayContext>) -> Self {
        self.context = context;
        self
    }
}

/// Returns true if a body of at least this size can be kept.
pub(super) fn fits(least: u64, limit: usize) -> bool {
    least == 0 || least.saturating_add(FRAME_OVERHEAD as u64) <= limit as u64
}
