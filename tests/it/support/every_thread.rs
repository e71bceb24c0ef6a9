//! For tests that read what one thread logs while other threads log as well.

use std::sync::LazyLock;

use tracing::Dispatch;

/// While `tracing` knows one subscriber alone, a callsite is turned on or off by the thread that
/// comes by first, and one without a subscriber turns it off for all. With a second one it is not.
pub(crate) fn may_log() {
    static SECOND: LazyLock<Dispatch> =
        LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));
    LazyLock::force(&SECOND);
}
