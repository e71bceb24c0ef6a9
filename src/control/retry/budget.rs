//! How much of the load may be retries, for each origin by itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::uri::Authority;
use tower::retry::budget::{Budget, TpsBudget};

/// A gateway has a dozen origins. A client that calls many more gets its budgets anew.
const MOST_ORIGINS: usize = 1024;

/// tower's budget for each origin: a provider in trouble is not hammered, and its trouble does not
/// cost the others their retries.
pub(super) struct Budgets {
    per_second: u32,
    share: f32,
    /// The one that was asked for last stands first.
    origins: Mutex<Vec<(Authority, Arc<TpsBudget>)>>,
}

/// The time over which requests and retries are weighed.
const WINDOW: Duration = Duration::from_secs(10);

impl Budgets {
    pub(super) fn new(per_second: u32, share: f32) -> Self {
        Self { per_second, share, origins: Mutex::default() }
    }

    pub(super) fn of(&self, origin: Option<&Authority>) -> Option<Arc<TpsBudget>> {
        let origin = origin?;
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = origins.iter().position(|(known, _)| known == origin) {
            origins.swap(0, at);
            return origins.first().map(|(_, budget)| budget.clone());
        }
        if origins.len() >= MOST_ORIGINS {
            origins.clear();
        }
        let budget = Arc::new(TpsBudget::new(WINDOW, self.per_second, self.share));
        origins.push((origin.clone(), budget.clone()));
        Some(budget)
    }
}

/// One more request that may be sent again.
pub(super) fn deposit(budget: Option<&Arc<TpsBudget>>) {
    if let Some(budget) = budget {
        budget.deposit();
    }
}

/// Whether one more retry is within the budget.
pub(super) fn withdraw(budget: Option<&Arc<TpsBudget>>) -> bool {
    budget.is_none_or(|budget| budget.withdraw())
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} a second and {} of all", self.per_second, self.share)
    }
}
