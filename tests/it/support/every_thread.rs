//! For tests that read one thread's log while other threads log too.

use std::sync::LazyLock;

use tracing::Dispatch;

/// While `tracing` has only one subscriber, the first thread at a callsite enables or disables it
/// for all threads, and a thread without a subscriber disables it. A second subscriber prevents
/// that.
pub(crate) fn may_log() {
    static SECOND: LazyLock<Dispatch> =
        LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));
    LazyLock::force(&SECOND);
}
