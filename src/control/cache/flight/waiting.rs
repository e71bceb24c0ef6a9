//! The tasks that wait for a shared future. One of them polls it; its waker wakes all.

use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

/// The waiting tasks, by place. As a waker, it wakes all of them, so that none is forgotten when another
/// goes away.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Vec<(usize, Waker)>>);

impl Waiting {
    fn list(&self) -> MutexGuard<'_, Vec<(usize, Waker)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a task, which waits until it is woken.
    pub(super) fn add(&self, place: usize, waker: &Waker) {
        let mut list = self.list();
        match list.iter_mut().find(|(known, _)| *known == place) {
            Some((_, known)) => known.clone_from(waker),
            None => list.push((place, waker.clone())),
        }
    }

    pub(super) fn remove(&self, place: usize) -> Option<Waker> {
        let mut list = self.list();
        let at = list.iter().position(|(known, _)| *known == place)?;
        Some(list.swap_remove(at).1)
    }

    /// Removes one waiting task.
    pub(super) fn one(&self) -> Option<Waker> {
        let mut list = self.list();
        // Mostly the one that has waited longest.
        (!list.is_empty()).then(|| list.remove(0).1)
    }

    /// Removes all waiting tasks.
    pub(super) fn all(&self) -> Vec<Waker> {
        let mut list = self.list();
        list.drain(..).map(|(_, waker)| waker).collect()
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.all().into_iter().for_each(Waker::wake);
    }
}
