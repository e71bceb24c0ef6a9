//! Timeouts while the gateway reads a request body.

use std::task::{Context, Poll};
use std::time::Duration;

use self::wait::Wait;

/// A timeout that restarts on progress. Its timer is created at the first wait.
///
/// It uses tokio's timer. Without the features `client` and `control`, and outside of a tokio
/// runtime, there is no timer, and the host must bound the wait.
pub(crate) struct Patience {
    limit: Option<Duration>,
    wait: Option<Wait>,
}

impl Patience {
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, wait: None }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit.unwrap_or(Duration::MAX)
    }

    /// The client has sent something: the next wait has the full time.
    pub(crate) fn restart(&mut self) {
        if let Some(wait) = &mut self.wait {
            wait.restart();
        }
    }

    /// Ready when the time is over. Until then the task is woken at that time.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else { return Poll::Pending };
        if self.wait.is_none() {
            self.wait = Wait::new(limit);
        }
        self.wait.as_mut().map_or(Poll::Pending, |wait| wait.poll_end(limit, cx))
    }
}

#[cfg(not(any(feature = "client", feature = "control")))]
mod wait {
    use std::convert::Infallible;
    use std::task::{Context, Poll};
    use std::time::Duration;

    /// There is no timer.
    pub(crate) struct Wait(Infallible);

    impl Wait {
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
pub(crate) mod wait;
