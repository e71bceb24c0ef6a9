//! Resources that a response holds until its end, such as permits, and that a layer above can
//! release earlier.

use std::sync::{Arc, Mutex, PoisonError};

/// Holds a resource until it is dropped or a handle releases the resource.
#[derive(Debug)]
pub(super) struct Releasable<T>(Handle<T>);

/// Releases the resource. A layer that discards a response finds the handle in its extensions.
#[derive(Debug)]
pub(super) struct Handle<T>(Arc<Mutex<Option<T>>>);

impl<T> Releasable<T> {
    pub(super) fn new(held: T) -> Self {
        Self(Handle::new(held))
    }

    pub(super) fn handle(&self) -> Handle<T> {
        self.0.clone()
    }
}

impl<T> Drop for Releasable<T> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl<T> Handle<T> {
    /// Holds it until it is taken, or the last handle is dropped.
    pub(super) fn new(held: T) -> Self {
        Self(Arc::new(Mutex::new(Some(held))))
    }

    pub(super) fn release(&self) {
        let held = self.take();
        // Drop it outside the lock: dropping may wake other tasks.
        drop(held);
    }

    /// Takes the resource if it is still held.
    pub(super) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handle_and_the_drop_release_it() {
        let inside = Arc::new(());
        let held = Releasable::new(inside.clone());
        let handle = held.handle();
        assert_eq!(Arc::strong_count(&inside), 2);
        handle.clone().release();
        assert_eq!(Arc::strong_count(&inside), 1);
        drop(held);
        let held = Releasable::new(inside.clone());
        let handle = held.handle();
        drop(held);
        assert_eq!(Arc::strong_count(&inside), 1, "a handle alone holds nothing");
        handle.release();
    }
}
