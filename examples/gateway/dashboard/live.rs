//! What is going on right now.

use std::sync::atomic::{AtomicUsize, Ordering};

use tower_ai_gateway::{EndEvent, HeadEvent, MetricsHook, RequestEvent};

/// Counts the exchanges that have begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Live {
    in_flight: AtomicUsize,
    streams: AtomicUsize,
}

impl Live {
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Those of them whose client is being sent an event stream.
    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }
}

impl MetricsHook for Live {
    fn on_request(&self, _: &RequestEvent<'_>) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    fn on_head(&self, head: &HeadEvent<'_>) {
        if head.stream {
            self.streams.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn on_end(&self, end: &EndEvent<'_>) {
        // The response that ends is the one whose head was handed on.
        if end.stream {
            self.streams.fetch_sub(1, Ordering::Relaxed);
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
