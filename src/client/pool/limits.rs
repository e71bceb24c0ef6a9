//! How many connections are kept, and for how long.

use std::time::Duration;

/// How often the pool looks at a connection before it closes it. So a connection is kept for the idle
/// timeout at most, and an eighth less at least, and no exchange has to ask for the time.
pub(in crate::client) const SWEEPS: u32 = 8;

/// How long a request is still sent when its response is over, unless the host says else.
pub(in crate::client) const LINGER: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Limits {
    pub(in crate::client) idle_timeout: Duration,
    /// How long a request is still sent when its response is over.
    pub(in crate::client) linger: Duration,
    pub(in crate::client) max_idle_per_origin: usize,
    pub(in crate::client) connections_per_origin: usize,
    pub(in crate::client) streams_per_connection: usize,
}
