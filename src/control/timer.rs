//! Timers that exist from the first wait on.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// A timer that costs nothing until somebody has to wait, and is put off only when it fires.
///
/// Boxed, for it is larger than all the rest of a layer's future or body, and so that the one can
/// hand it to the other.
#[derive(Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready once it is `until`; before that the task is woken then, or earlier for nothing.
    pub(super) fn poll_until(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        loop {
            // Whoever is waited for may have spent the task's budget: that must not stop the clock.
            ready!(pin!(unconstrained(sleep.as_mut())).poll(cx));
            if sleep.deadline() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
    }
}

/// When a wait is over, and what is said then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) until: Instant,
    pub(super) error: TimeoutError,
}

impl Bound {
    /// From now on; `None` where nothing is set, or more than a clock can count.
    pub(super) fn from_now(phase: TimeoutPhase, timeout: Option<Duration>) -> Option<Self> {
        let timeout = timeout?;
        let until = Instant::now().checked_add(timeout)?;
        Some(Self { until, error: TimeoutError::new(phase, timeout) })
    }
}
