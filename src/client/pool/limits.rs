//! How many connections are kept, and for how long.

use std::time::Duration;

/// Sweeps until an unused connection is closed. It is thus kept for seven eighths of the idle
/// timeout at least and the whole at most, and no exchange has to read the clock.
pub(in crate::client) const SWEEPS: u32 = 8;

/// How long a request is still sent after its response is over, by default.
pub(in crate::client) const LINGER: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Limits {
    pub(in crate::client) idle_timeout: Duration,
    /// How long a request is still sent after its response is over.
    pub(in crate::client) linger: Duration,
    pub(in crate::client) max_idle_per_origin: usize,
    pub(in crate::client) connections_per_origin: usize,
    pub(in crate::client) streams_per_connection: usize,
}
