//! What is going on right now.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_ai_gateway::hook::{HeadEvent, RequestEvent};
use tower_ai_gateway::{EndEvent, MetricsHook};

/// Counts the exchanges that have begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Live {
    in_flight: AtomicUsize,
    streams: AtomicUsize,
    gateway: OnceLock<SocketAddr>,
}

impl Live {
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Where the gateway itself can be asked, on this machine.
    pub(crate) fn gateway(&self) -> Option<SocketAddr> {
        let mut address = *self.gateway.get()?;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        Some(address)
    }

    /// The gateway listens there.
    pub(crate) fn listens(&self, address: SocketAddr) {
        let _ = self.gateway.set(address);
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
