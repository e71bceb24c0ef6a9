//! Who waits for more of a body that several may read.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The tasks that wait. A body knows one waker alone, that of its last poll: this one, which wakes
/// them all, so that none is forgotten when another one goes away.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    pub(super) fn add(&self, waker: &Waker) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    /// Wakes all but this one, which is awake.
    pub(super) fn wake_others(&self, awake: &Waker) {
        for waker in self.take() {
            if !waker.will_wake(awake) {
                waker.wake();
            }
        }
    }

    fn take(&self) -> Vec<Waker> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for waker in self.take() {
            waker.wake();
        }
    }
}
