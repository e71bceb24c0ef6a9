//! Tells connections to end, and waits until they have ended.

use std::sync::Arc;

use tokio::sync::{Notify, futures::OwnedNotified, watch};

/// The drain of one server.
pub(super) struct Drain {
    stop: Arc<Notify>,
    sockets: watch::Sender<()>,
    exchanges: watch::Sender<()>,
}

/// Counts as running until it is dropped.
pub(super) struct Running {
    _receiver: watch::Receiver<()>,
}

impl Drain {
    pub(super) fn new() -> Self {
        let (stop, sockets, exchanges) = Default::default();
        Self { stop, sockets, exchanges }
    }

    /// Ready once connections must end. A stop after this call counts, even before the first poll.
    pub(super) fn stopping(&self) -> OwnedNotified {
        self.stop.clone().notified_owned()
    }

    /// For a socket, which may outlive its connection, as that of a WebSocket does.
    pub(super) fn socket(&self) -> Running {
        Running { _receiver: self.sockets.subscribe() }
    }

    /// For the exchanges of a connection, which may outlive it: over HTTP/2 they are separate tasks.
    pub(super) fn exchanges(&self) -> Running {
        Running { _receiver: self.exchanges.subscribe() }
    }

    /// Tells all connections to end, and waits until no socket is open.
    pub(super) async fn stop(&self) {
        self.stop.notify_waiters();
        self.sockets.closed().await;
    }

    /// Waits until no exchange is open.
    pub(super) async fn ended(&self) {
        self.exchanges.closed().await;
    }
}
