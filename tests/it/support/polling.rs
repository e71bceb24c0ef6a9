//! Waits for a condition by asking again.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than any step takes, even on slow machines.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(2);

/// Waits until `condition` holds, or fails with `what`.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < TOO_LONG, "waited in vain: {what}");
        thread::sleep(PAUSE);
    }
}

/// Like [`wait_for`], while other tasks run.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < TOO_LONG, "waited in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
