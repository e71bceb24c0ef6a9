//! A timer that is created at the first wait.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// A timer that is created at the first wait, and reset only when it fires.
///
/// Boxed: `Sleep` is larger than the rest of a layer's future or body, and it moves from the future
/// into the body.
#[derive(Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready at `until`. Until then the task is woken at that time, and maybe once before.
    pub(super) fn poll_until(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        loop {
            // The inner service may have used up the task's budget, which must not stop the clock.
            ready!(pin!(unconstrained(sleep.as_mut())).poll(cx));
            if sleep.deadline() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
    }
}

/// A deadline and the error to return when it passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) until: Instant,
    pub(super) error: TimeoutError,
}

impl Bound {
    /// A bound that starts now; `None` without a timeout, or if the clock cannot express it.
    pub(super) fn from_now(phase: TimeoutPhase, timeout: Option<Duration>) -> Option<Self> {
        let timeout = timeout?;
        let until = Instant::now().checked_add(timeout)?;
        Some(Self { until, error: TimeoutError::new(phase, timeout) })
    }
}
