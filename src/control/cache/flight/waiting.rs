//! The tasks that wait for a shared future. One of them polls it; its waker wakes all.

use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use crate::control::list::SmallList;

/// The waiting tasks, by place, those first that have waited longest. As a waker, it wakes all of them, so
/// that none is forgotten when another goes away.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<SmallList<(usize, Waker)>>);

impl Waiting {
    fn list(&self) -> MutexGuard<'_, SmallList<(usize, Waker)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a task, which waits until it is woken.
    pub(super) fn add(&self, place: usize, waker: &Waker) {
        let mut list = self.list();
        let at = list.iter().position(|(known, _)| *known == place);
        match at.and_then(|at| list.get_mut(at)) {
            Some((_, known)) => known.clone_from(waker),
            None => list.push((place, waker.clone())),
        }
    }

    pub(super) fn remove(&self, place: usize) -> Option<Waker> {
        let mut list = self.list();
        let at = list.iter().position(|(known, _)| *known == place)?;
        list.remove(at).map(|(_, waker)| waker)
    }

    /// Removes the task that has waited longest.
    pub(super) fn one(&self) -> Option<Waker> {
        self.list().remove(0).map(|(_, waker)| waker)
    }

    /// Removes all waiting tasks.
    pub(super) fn all(&self) -> impl Iterator<Item = Waker> {
        let all = std::mem::take(&mut *self.list());
        all.into_iter().map(|(_, waker)| waker)
    }

    /// Removes all waiting tasks, and returns all but that at this place.
    pub(super) fn others(&self, place: usize) -> impl Iterator<Item = Waker> {
        let all = std::mem::take(&mut *self.list());
        all.into_iter().filter(move |(other, _)| *other != place).map(|(_, waker)| waker)
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.all().for_each(Waker::wake);
    }
}
