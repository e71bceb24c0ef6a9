//! The tasks to wake when a connection can make progress.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use tokio::sync::Notify;

/// The waker of one connection. It stays the same when another task drives the connection.
///
/// Wake-ups while the connection is being polled wake no task: the driver calls [`arm`](Self::arm)
/// before it goes to sleep.
pub(super) struct Signal {
    state: Mutex<State>,
    /// Notified while the connection is idle.
    reaper: Arc<Notify>,
}

struct State {
    woken: bool,
    listener: Listener,
}

enum Listener {
    /// The connection is being polled.
    Driver,
    Task(Waker),
    Reaper,
}

impl Signal {
    pub(super) fn new(reaper: Arc<Notify>) -> Arc<Self> {
        // A connection must be polled once before anything can wake it.
        let state = State { woken: true, listener: Listener::Driver };
        Arc::new(Self { state: Mutex::new(state), reaper })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers the task for the next wake-up. Returns false if one came since the last poll: then
    /// poll the connection now.
    pub(super) fn arm(&self, task: &Waker) -> bool {
        let mut state = self.state();
        if std::mem::take(&mut state.woken) {
            state.listener = Listener::Driver;
            return false;
        }
        if !matches!(&state.listener, Listener::Task(known) if known.will_wake(task)) {
            state.listener = Listener::Task(task.clone());
        }
        true
    }

    /// The connection is idle from here on.
    pub(super) fn set_idle(&self) {
        self.state().listener = Listener::Reaper;
    }

    /// The connection is in use again. Takes the wake-up like [`take`](Self::take).
    pub(super) fn reuse(&self) -> bool {
        let mut state = self.state();
        state.listener = Listener::Driver;
        std::mem::take(&mut state.woken)
    }

    /// Takes the wake-up, if there was one. The caller must then poll the connection.
    pub(super) fn take(&self) -> bool {
        std::mem::take(&mut self.state().woken)
    }

    /// Returns true if the connection was woken and not polled since.
    pub(super) fn is_woken(&self) -> bool {
        self.state().woken
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state();
        state.woken = true;
        let is_idle = matches!(state.listener, Listener::Reaper);
        let listener = match is_idle {
            true => Listener::Reaper,
            false => std::mem::replace(&mut state.listener, Listener::Driver),
        };
        // Not under the lock: a waker may run any code.
        drop(state);
        match listener {
            Listener::Driver => {}
            Listener::Task(task) => task.wake(),
            Listener::Reaper => self.reaper.notify_one(),
        }
    }
}
