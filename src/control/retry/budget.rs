//! How many retries each origin may get, and each caller for failures that it has caused itself.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::uri::Authority;
use tower::retry::budget::TpsBudget;

use crate::control::wide_hash::{Seeds, WideHasher};

/// The number of origins, and of callers, that have a budget.
const MOST: usize = 1024;

/// The period over which requests and retries are compared.
const WINDOW: Duration = Duration::from_secs(10);

/// tower's retry budget per origin: a failing provider is not hammered, and does not use up the
/// retries of the others. A caller has its own budget, so that it does not use up those of others.
pub(super) struct Budgets(Mutex<State>);

struct State {
    size: Size,
    origins: Latest<Authority>,
    /// By hash: what tells callers apart may be a secret.
    callers: Latest<u128>,
    seeds: Seeds,
}

#[derive(Clone, Copy, PartialEq)]
struct Size {
    per_second: u32,
    share: f32,
}

impl State {
    fn new(size: Size) -> Self {
        let (origins, callers) = (Latest(Vec::new()), Latest(Vec::new()));
        Self { size, origins, callers, seeds: Seeds::new() }
    }
}

impl Budgets {
    pub(super) fn new(per_second: u32, share: f32) -> Self {
        Self(Mutex::new(State::new(Size { per_second, share })))
    }

    /// Changes the size of the budgets. Does nothing if the size is the same.
    pub(super) fn resize(&self, per_second: u32, share: f32) {
        let (size, mut state) = (Size { per_second, share }, self.state());
        if state.size != size {
            *state = State::new(size);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The budget of an origin.
    pub(super) fn of_origin(&self, origin: &Authority) -> Arc<TpsBudget> {
        let State { size, origins, .. } = &mut *self.state();
        // The authority is usually a clone of the known one: compare bytes first.
        let is_it = |known: &Authority| known.as_str() == origin.as_str() || known == origin;
        origins.get(is_it, || origin.clone(), *size)
    }

    /// The budget of the caller that is hashed.
    pub(super) fn of_caller(&self, hash: impl FnOnce(&mut WideHasher)) -> Arc<TpsBudget> {
        let State { size, callers, seeds, .. } = &mut *self.state();
        let caller = seeds.hash(hash);
        callers.get(|known| *known == caller, || caller, *size)
    }
}

/// The budgets that were used last, the latest first. With too many, the one not used for longest
/// starts over.
struct Latest<K>(Vec<(K, Arc<TpsBudget>)>);

impl<K> Latest<K> {
    fn get(
        &mut self,
        is_it: impl Fn(&K) -> bool,
        key: impl FnOnce() -> K,
        Size { per_second, share }: Size,
    ) -> Arc<TpsBudget> {
        if let Some(at) = self.0.iter().position(|(known, _)| is_it(known)) {
            let (_, budget) = &self.0[at];
            let budget = budget.clone();
            self.0[..=at].rotate_right(1);
            return budget;
        }
        let budget = Arc::new(TpsBudget::new(WINDOW, per_second, share));
        self.0.truncate(MOST - 1);
        self.0.insert(0, (key(), budget.clone()));
        budget
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { per_second, share } = self.state().size;
        write!(f, "{per_second} a second and {share} of all")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_the_budget_not_used_for_longest_starts_over() {
        let budgets = Budgets::new(1, 0.0);
        let of = |number: usize| budgets.of_origin(&format!("{number}.test").parse().unwrap());
        let all: Vec<_> = (0..MOST).map(of).collect();
        assert!(Arc::ptr_eq(&of(0), &all[0]));
        of(MOST);
        assert!(!Arc::ptr_eq(&of(1), &all[1]), "it was used before all others");
        let kept = all.iter().enumerate().filter(|(number, _)| *number > 2);
        let is_kept = |(number, budget)| Arc::ptr_eq(&of(number), budget);
        assert!(Arc::ptr_eq(&of(0), &all[0]) && kept.into_iter().all(is_kept));
    }
}
