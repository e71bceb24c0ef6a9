//! Timers that exist from the first wait on.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::timeout::{TimeoutError, TimeoutPhase};

pin_project! {
    /// A timer that costs nothing until somebody has to wait, and is moved only when it fires.
    #[derive(Default)]
    pub(super) struct Timer {
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Timer {
    /// Ready once it is `until`; before that the task is woken then, or earlier for nothing. The
    /// times that one timer is asked for must not go back.
    pub(super) fn poll_until(
        self: Pin<&mut Self>,
        until: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let mut sleep = self.project().sleep;
        if sleep.is_none() {
            sleep.set(Some(sleep_until(until)));
        }
        let Some(mut sleep) = sleep.as_pin_mut() else { return Poll::Pending };
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
