//! What a response holds that others may wait for, and gives back early where it is put aside.

use std::sync::{Arc, Mutex, PoisonError};

/// Held until it is dropped, or until one of its handles lets it go.
#[derive(Debug)]
pub(super) struct Held<T>(Handle<T>);

/// Lets it go. It is in the extensions of a response that may be no answer.
#[derive(Debug)]
pub(super) struct Handle<T>(Arc<Mutex<Option<T>>>);

impl<T> Held<T> {
    pub(super) fn new(held: T) -> Self {
        Self(Handle(Arc::new(Mutex::new(Some(held)))))
    }

    pub(super) fn handle(&self) -> Handle<T> {
        self.0.clone()
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

impl<T> Handle<T> {
    pub(super) fn let_go(&self) {
        let held = self.take();
        // It may wake others: not under the lock.
        drop(held);
    }

    /// Takes it, if it is still held.
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
    fn whichever_comes_first_lets_it_go() {
        let inside = Arc::new(());
        let held = Held::new(inside.clone());
        let handle = held.handle();
        assert_eq!(Arc::strong_count(&inside), 2);
        handle.clone().let_go();
        assert_eq!(Arc::strong_count(&inside), 1);
        drop(held);
        let held = Held::new(inside.clone());
        let handle = held.handle();
        drop(held);
        assert_eq!(Arc::strong_count(&inside), 1, "a handle alone holds nothing");
        handle.let_go();
    }
}
