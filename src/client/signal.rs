//! Who is told when a connection can get on.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use tokio::sync::Notify;

/// The waker of one connection, which stays the same whatever task drives the connection.
///
/// What the connection is woken for while it is being polled wakes no task: who polls it asks
/// [`arm`](Self::arm) before going to sleep.
pub(super) struct Signal {
    state: Mutex<State>,
    /// Told where nobody uses the connection.
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
        // A connection has to be polled before anything can wake it.
        let state = State { woken: true, listener: Listener::Driver };
        Arc::new(Self { state: Mutex::new(state), reaper })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the task is told of the next wake-up. If not, there was one since the last time:
    /// the connection is to be polled now.
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

    /// Nobody uses the connection from here on.
    pub(super) fn set_idle(&self) {
        self.state().listener = Listener::Reaper;
    }

    /// The connection is used again.
    pub(super) fn reuse(&self) {
        self.state().listener = Listener::Driver;
    }

    /// Whether the connection was woken, which is to be answered by polling it.
    pub(super) fn take(&self) -> bool {
        std::mem::take(&mut self.state().woken)
    }

    /// Whether the connection was woken and not polled since.
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
        // A waker may run anything, so not under the lock.
        drop(state);
        match listener {
            Listener::Driver => {}
            Listener::Task(task) => task.wake(),
            Listener::Reaper => self.reaper.notify_one(),
        }
    }
}
