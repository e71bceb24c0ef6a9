//! A fetch that runs, and what it has fetched.

use std::time::Duration;

use tokio::sync::watch;

use super::super::key_set::KeySet;

/// The result of a source.
pub(super) struct Fetched {
    pub(super) set: KeySet,
    /// The lifetime that the source reports.
    pub(super) fresh_for: Option<Duration>,
}

/// A running fetch.
#[derive(Clone)]
pub(in crate::jwt) struct Flight(pub(super) watch::Receiver<()>);

impl Flight {
    /// Waits for its end, successful or not.
    pub(in crate::jwt) async fn landed(mut self) {
        // Nothing is sent: the channel closes when the sender is dropped.
        let _ = self.0.changed().await;
    }
}
