//! The progress of a request body, for the timeout of the response head.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// Who is waited for while a request body is sent. A layer with timeouts puts it into the request's
/// extensions, and [`HttpClient`](crate::HttpClient) updates it.
///
/// A client that sends slowly is not the provider's fault; a provider that does not read is.
#[derive(Clone, Debug)]
pub(crate) struct Upload(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    /// Microseconds from `began` to the start of this turn, with the flags in the last two bits.
    turn: AtomicU64,
}

/// Who is waited for, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) since: Instant,
    pub(crate) is_clients: bool,
    /// Nothing more of the body will be sent.
    pub(crate) is_sent: bool,
}

const CLIENTS: u64 = 1;
const SENT: u64 = 2;
const BITS: u32 = 2;

impl Upload {
    /// Starts with the provider's turn.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { began: Instant::now(), turn: AtomicU64::new(0) }))
    }

    /// The body is about to be sent, perhaps again.
    #[cfg(feature = "client")]
    pub(crate) fn begins(&self) {
        self.0.turn.fetch_and(!SENT, Ordering::Relaxed);
    }

    /// Waits for the client. Continues a wait that has started.
    #[cfg(feature = "client")]
    pub(crate) fn waits_for_client(&self) {
        if self.0.turn.load(Ordering::Relaxed) & CLIENTS == 0 {
            self.begin(CLIENTS);
        }
    }

    /// Waits for the provider, which was sent part of the body.
    #[cfg(feature = "client")]
    pub(crate) fn waits_for_provider(&self) {
        self.begin(0);
    }

    /// Waits for the provider, which was sent the whole body or gets no more of it.
    #[cfg(feature = "client")]
    pub(crate) fn is_sent(&self) {
        self.begin(SENT);
    }

    #[cfg(feature = "client")]
    fn begin(&self, whose: u64) {
        let since = u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.turn.store(since << BITS | whose, Ordering::Relaxed);
    }

    pub(crate) fn turn(&self) -> Turn {
        let turn = self.0.turn.load(Ordering::Relaxed);
        Turn {
            since: self.0.began + std::time::Duration::from_micros(turn >> BITS),
            is_clients: turn & CLIENTS != 0,
            is_sent: turn & SENT != 0,
        }
    }
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_starts_once_and_a_body_may_be_sent_again() {
        let second = || tokio::time::advance(Duration::from_secs(1));
        let upload = Upload::new();
        let begin = upload.turn();
        assert!(!begin.is_clients && !begin.is_sent);
        second().await;
        upload.waits_for_client();
        let clients = upload.turn();
        assert!(clients.is_clients && clients.since == begin.since + Duration::from_secs(1));
        second().await;
        upload.waits_for_client();
        assert_eq!(upload.turn(), clients, "being asked again is no progress");
        upload.waits_for_provider();
        assert!(!upload.turn().is_clients && upload.turn().since > clients.since);
        upload.is_sent();
        let sent = upload.turn();
        assert!(sent.is_sent && !sent.is_clients);
        upload.begins();
        assert_eq!(upload.turn(), Turn { is_sent: false, ..sent });
    }
}
