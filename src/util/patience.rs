//! Timeouts while the gateway reads a request body.

use std::task::{Context, Poll};
use std::time::Duration;

use self::timer::Timer;

/// A timeout that restarts on progress. Its timer is created at the first wait.
///
/// It uses tokio's timer. Without the features `client` and `control`, and outside of a tokio
/// runtime, there is no timer, and the host must bound the wait.
pub(crate) struct Patience {
    limit: Option<Duration>,
    timer: Option<Timer>,
}

impl Patience {
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, timer: None }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit.unwrap_or(Duration::MAX)
    }

    /// The client has sent something: the next wait has the full time.
    pub(crate) fn restart(&mut self) {
        if let Some(timer) = &mut self.timer {
            timer.restart();
        }
    }

    /// Ready when the time is over. Until then the task is woken at that time.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else { return Poll::Pending };
        if self.timer.is_none() {
            self.timer = Timer::new(limit);
        }
        self.timer.as_mut().map_or(Poll::Pending, |timer| timer.poll_end(limit, cx))
    }
}

#[cfg(not(any(feature = "client", feature = "control")))]
mod timer {
    use std::convert::Infallible;
    use std::task::{Context, Poll};
    use std::time::Duration;

    /// There is no timer.
    pub(crate) struct Timer(Infallible);

    impl Timer {
        pub(crate) fn new(_: Duration) -> Option<Self> {
            None
        }

        pub(crate) fn restart(&mut self) {}

        pub(crate) fn poll_end(&mut self, _: Duration, _: &mut Context<'_>) -> Poll<()> {
            match self.0 {}
        }
    }
}

#[cfg(any(feature = "client", feature = "control"))]
mod timer {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use tokio::runtime::Handle;
    use tokio::task::unconstrained;
    use tokio::time::{Instant, Sleep, sleep_until};

    /// A restart moves the timer only when it fires.
    pub(crate) struct Timer {
        sleep: Pin<Box<Sleep>>,
        /// `None` until the next wait starts.
        until: Option<Instant>,
    }

    impl Timer {
        /// `None` outside of a runtime, or if the clock cannot express the time.
        pub(crate) fn new(limit: Duration) -> Option<Self> {
            Handle::try_current().ok()?;
            let until = Instant::now().checked_add(limit)?;
            Some(Self { sleep: Box::pin(sleep_until(until)), until: Some(until) })
        }

        pub(crate) fn restart(&mut self) {
            self.until = None;
        }

        pub(crate) fn poll_end(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
            let until = match self.until {
                Some(until) => until,
                None => {
                    let Some(until) = Instant::now().checked_add(limit) else {
                        return Poll::Pending;
                    };
                    *self.until.insert(until)
                }
            };
            loop {
                // Reading may have used up the task's budget, which must not stop the clock.
                ready!(pin!(unconstrained(self.sleep.as_mut())).poll(cx));
                if self.sleep.deadline() >= until {
                    return Poll::Ready(());
                }
                self.sleep.as_mut().reset(until);
            }
        }
    }
}
