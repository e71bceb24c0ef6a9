//! How far the request body has come, for whoever times the response head.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// Whose turn it is while a request body is sent: an extension of the request, put there by a layer
/// that times the response head and kept up by [`HttpClient`](crate::HttpClient).
///
/// A client that is slow to send is not the provider's fault; a provider that does not read on is.
#[derive(Clone, Debug)]
pub(crate) struct Upload(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    /// Microseconds from the beginning until it became the provider's turn, or [`CLIENTS_TURN`].
    since: AtomicU64,
}

const CLIENTS_TURN: u64 = u64::MAX;

impl Upload {
    /// It is the provider's turn from now on, until somebody says otherwise.
    #[cfg(feature = "control")]
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { began: Instant::now(), since: AtomicU64::new(0) }))
    }

    /// The client is waited for.
    #[cfg(feature = "client")]
    pub(crate) fn waits_for_client(&self) {
        self.0.since.store(CLIENTS_TURN, Ordering::Relaxed);
    }

    /// The provider is waited for: it has been sent a part of the body, or all of it.
    #[cfg(feature = "client")]
    pub(crate) fn waits_for_provider(&self) {
        let since = self.0.began.elapsed().as_micros();
        let since = u64::try_from(since).unwrap_or(CLIENTS_TURN - 1);
        self.0.since.store(since, Ordering::Relaxed);
    }

    /// Since when the provider is waited for; `None` while the client is.
    #[cfg(feature = "control")]
    pub(crate) fn providers_turn(&self) -> Option<Instant> {
        let since = self.0.since.load(Ordering::Relaxed);
        let since = (since != CLIENTS_TURN).then_some(since)?;
        Some(self.0.began + std::time::Duration::from_micros(since))
    }
}
