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
pub(super) struct Waiting(Mutex<List>);

/// Mostly one task, which needs no memory of its own.
#[derive(Debug, Default)]
struct List {
    first: Option<(usize, Waker)>,
    rest: Vec<(usize, Waker)>,
}

impl List {
    fn into_iter(self) -> impl Iterator<Item = (usize, Waker)> {
        self.first.into_iter().chain(self.rest)
    }
}

impl Waiting {
    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a task, which waits until it is woken.
    pub(super) fn add(&self, place: usize, waker: &Waker) {
        let List { first, rest } = &mut *self.list();
        let mut known = first.iter_mut().chain(&mut *rest);
        if let Some((_, known)) = known.find(|(known, _)| *known == place) {
            return known.clone_from(waker);
        }
        match first {
            None if rest.is_empty() => *first = Some((place, waker.clone())),
            _ => rest.push((place, waker.clone())),
        }
    }

    pub(super) fn remove(&self, place: usize) -> Option<Waker> {
        let List { first, rest } = &mut *self.list();
        let is_one = |(known, _): &(usize, Waker)| *known == place;
        let first = first.take_if(|first| is_one(first));
        let removed = first.or_else(|| rest.iter().position(is_one).map(|at| rest.remove(at)));
        removed.map(|(_, waker)| waker)
    }

    /// Removes one waiting task.
    pub(super) fn one(&self) -> Option<Waker> {
        let List { first, rest } = &mut *self.list();
        // The one that has waited longest.
        let one = first.take().or_else(|| (!rest.is_empty()).then(|| rest.remove(0)));
        one.map(|(_, waker)| waker)
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
