//! A timer that is created at the first wait, and a wait that can be restarted.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is created at the first wait, and reset only when it fires.
///
/// Boxed: `Sleep` is larger than the rest of a layer's future or body, and it moves from the future
/// into the body.
#[derive(Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready at `until`. Until then the task is woken at that time, and maybe once before.
    pub(crate) fn poll_until(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        loop {
            // Reading or calling may have used up the task's budget, which must not stop the clock.
            ready!(pin!(unconstrained(sleep.as_mut())).poll(cx));
            if sleep.deadline() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
    }
}

/// A restart moves the timer only when it fires.
pub(crate) struct Wait {
    timer: Timer,
    /// `None` until the next wait starts.
    until: Option<Instant>,
}

impl Wait {
    /// `None` outside of a runtime, or if the clock cannot express the time.
    pub(crate) fn new(limit: Duration) -> Option<Self> {
        Handle::try_current().ok()?;
        let until = Instant::now().checked_add(limit)?;
        Some(Self { timer: Timer::default(), until: Some(until) })
    }

    pub(crate) fn restart(&mut self) {
        self.until = None;
    }

    pub(crate) fn poll_end(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.until.or_else(|| Instant::now().checked_add(limit));
        self.until = until;
        until.map_or(Poll::Pending, |until| self.timer.poll_until(until, cx))
    }
}
