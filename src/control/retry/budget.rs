//! How many retries each origin may get.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::uri::Authority;
use tower::retry::budget::{Budget, TpsBudget};

/// A gateway has a dozen origins. A client that calls many more starts with new budgets.
const MOST_ORIGINS: usize = 1024;

/// tower's retry budget per origin: a failing provider is not hammered, and does not use up the
/// retries of the others.
pub(super) struct Budgets(Mutex<Origins>);

struct Origins {
    per_second: u32,
    share: f32,
    /// The most recently used is first.
    known: Vec<(Authority, Arc<TpsBudget>)>,
}

/// The period over which requests and retries are compared.
const WINDOW: Duration = Duration::from_secs(10);

impl Budgets {
    pub(super) fn new(per_second: u32, share: f32) -> Self {
        Self(Mutex::new(Origins { per_second, share, known: Vec::new() }))
    }

    /// Changes the size of the budgets. Does nothing if the size is the same.
    pub(super) fn resize(&self, per_second: u32, share: f32) {
        let mut origins = self.origins();
        if (origins.per_second, origins.share) != (per_second, share) {
            *origins = Origins { per_second, share, known: Vec::new() };
        }
    }

    fn origins(&self) -> MutexGuard<'_, Origins> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, origin: Option<&Authority>) -> Option<Arc<TpsBudget>> {
        let origin = origin?;
        let mut origins = self.origins();
        let Origins { per_second, share, known } = &mut *origins;
        // The authority is usually a clone of the known one: compare bytes first.
        let is_it = |known: &Authority| known.as_str() == origin.as_str() || known == origin;
        if let Some(at) = known.iter().position(|(known, _)| is_it(known)) {
            known.swap(0, at);
            return known.first().map(|(_, budget)| budget.clone());
        }
        if known.len() >= MOST_ORIGINS {
            known.clear();
        }
        let budget = Arc::new(TpsBudget::new(WINDOW, *per_second, *share));
        known.push((origin.clone(), budget.clone()));
        Some(budget)
    }
}

/// Records a request that earns retries.
pub(super) fn deposit(budget: Option<&Arc<TpsBudget>>) {
    if let Some(budget) = budget {
        budget.deposit();
    }
}

/// Returns true if a retry is within the budget.
pub(super) fn withdraw(budget: Option<&Arc<TpsBudget>>) -> bool {
    budget.is_none_or(|budget| budget.withdraw())
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.origins();
        write!(f, "{} a second and {} of all", origins.per_second, origins.share)
    }
}
