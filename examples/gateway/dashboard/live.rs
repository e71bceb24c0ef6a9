//! The exchanges that are open now.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_ai_gateway::hook::{HeadEvent, RequestEvent};
use tower_ai_gateway::{EndEvent, MetricsHook};

/// Counts open exchanges.
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

    /// The gateway's address as seen from this machine.
    pub(crate) fn gateway(&self) -> Option<SocketAddr> {
        let mut address = *self.gateway.get()?;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        Some(address)
    }

    /// Sets the address that the gateway listens on.
    pub(crate) fn listens(&self, address: SocketAddr) {
        let _ = self.gateway.set(address);
    }

    /// The number of open exchanges whose client receives an event stream.
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
        // The response that ends is the one whose head was sent.
        if end.stream {
            self.streams.fetch_sub(1, Ordering::Relaxed);
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
