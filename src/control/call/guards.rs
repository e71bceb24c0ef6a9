//! The permits and counters that a response holds until its body ends.

use bytes::Buf;
use http::{Extensions, Response};
use http_body::Frame;
use tokio::time::Instant;
use tower::BoxError;

use crate::control::concurrency::Permits;
use crate::control::health::Tracked;
use crate::control::releasable::{Handle, Releasable};

/// The permits of a response, and the call that health and load balancing track.
#[derive(Default)]
pub(in crate::control) struct Guards {
    permits: HeldPermits,
    tracked: Option<Box<Tracked>>,
}

#[derive(Default)]
enum HeldPermits {
    #[default]
    Nothing,
    Own(Permits),
    /// A layer above may drop this response and try something else, which must not wait for these
    /// permits.
    Shared {
        _held: Releasable<Permits>,
    },
}

/// Releases the permits of a response that is dropped in favour of another try.
pub(in crate::control) fn release_early<B>(response: &mut Response<B>) {
    if let Some(handle) = response.extensions_mut().remove::<Handle<Permits>>() {
        handle.release();
    }
}

impl Guards {
    /// The guards of a call without limits.
    pub(super) fn unlimited(tracked: Option<Box<Tracked>>) -> Self {
        Self { permits: HeldPermits::Nothing, tracked }
    }

    pub(super) fn new(permits: Permits, tracked: Option<Box<Tracked>>) -> Self {
        let permits =
            if permits.is_empty() { HeldPermits::Nothing } else { HeldPermits::Own(permits) };
        Self { permits, tracked }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tracked.is_none() && matches!(self.permits, HeldPermits::Nothing)
    }

    pub(super) fn tracked(&mut self) -> &mut Option<Box<Tracked>> {
        &mut self.tracked
    }

    /// Lets a layer above release the permits of this response before its end.
    pub(super) fn share_permits(&mut self, extensions: &mut Extensions) {
        match std::mem::take(&mut self.permits) {
            HeldPermits::Own(permits) => {
                let held = Releasable::new(permits);
                extensions.insert(held.handle());
                self.permits = HeldPermits::Shared { _held: held };
            }
            permits => self.permits = permits,
        }
    }

    /// Records that the call failed before a response came.
    pub(super) fn failed(self, error: &BoxError) {
        if let Some(tracked) = self.tracked
            && tracked.blames_upstream(error)
        {
            tracked.failed(Instant::now());
        }
    }

    /// Looks at a frame or the end of the body. `is_over`: no data follows.
    pub(super) fn see<D: Buf>(
        &mut self,
        frame: Option<&Result<Frame<D>, BoxError>>,
        is_over: impl FnOnce() -> bool,
    ) {
        if self.is_empty() {
            return;
        }
        match frame {
            Some(Ok(frame)) if frame.is_data() && !is_over() => self.learn_from(frame),
            Some(Err(error)) => {
                if let Some(tracked) = std::mem::take(self).tracked
                    && tracked.blames_upstream(error)
                {
                    tracked.broke(Instant::now());
                }
            }
            last => {
                if let Some(Ok(frame)) = last {
                    self.learn_from(frame);
                }
                *self = Self::default();
            }
        }
    }

    fn learn_from<D: Buf>(&mut self, frame: &Frame<D>) {
        if let (Some(tracked), Some(data)) = (&mut self.tracked, frame.data_ref()) {
            tracked.see(data.chunk());
        }
    }
}
