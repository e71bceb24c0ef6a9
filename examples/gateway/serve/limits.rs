//! Bounds on connections.

use std::{io, num::NonZero, str::FromStr, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};

/// The maximum length of a request's head over HTTP/1.1, and of the buffer for a body.
const HEAD_BYTES: usize = 64 * 1024;
/// The maximum number of bytes that an HTTP/2 stream buffers for sending; 256 streams share a
/// connection.
const SEND_BYTES: usize = 128 * 1024;

/// Bounds on connections; the gateway bounds the exchanges.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The maximum number of connections. Further ones wait to be accepted.
    pub(crate) connections: usize,
    /// The time for a request's head, from the end of the exchanges before it.
    pub(crate) header_timeout: Duration,
    /// The same once the server stops: a client that has begun a head must not delay its end.
    pub(crate) last_header_timeout: Duration,
    /// How long a peer may accept no byte while there is something to write.
    pub(crate) write_timeout: Duration,
    /// The time between HTTP/2 pings, and for the answer to one.
    pub(crate) ping: Duration,
    /// The time for active exchanges once the server stops.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8192,
            header_timeout: Duration::from_secs(30),
            last_header_timeout: Duration::from_secs(2),
            write_timeout: Duration::from_secs(60),
            ping: Duration::from_secs(20),
            grace: super::GRACE,
        }
    }
}

impl Limits {
    /// The defaults, with the overrides of the environment.
    pub(super) fn of_environment(grace: Duration) -> io::Result<Self> {
        let default = Self::default();
        let connections = number::<NonZero<usize>>("GATEWAY_MAX_CONNECTIONS")?;
        let seconds = number::<NonZero<u32>>("GATEWAY_WRITE_TIMEOUT")?;
        let seconds = seconds.map(|seconds| Duration::from_secs(seconds.get().into()));
        Ok(Self {
            connections: connections.map_or(default.connections, NonZero::get),
            write_timeout: seconds.unwrap_or(default.write_timeout),
            grace,
            ..default
        })
    }

    pub(super) fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            // A longer head, or one with more than hyper's 100 fields, gets 431.
            .max_buf_size(HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.ping)
            .keep_alive_timeout(self.ping)
            .max_concurrent_streams(256)
            // As much as HTTP/1.1 servers usually accept.
            .max_header_list_size(32 * 1024)
            .max_send_buf_size(SEND_BYTES)
            // How many streams a client may reset before they are accepted, and how many of its errors
            // are answered by a reset, before its connection is closed. These are the defaults, written
            // down so that they stay.
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(1024);
        builder
    }
}

/// A positive number from the environment.
fn number<T: FromStr>(name: &str) -> io::Result<Option<T>> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let number = value.to_str().and_then(|value| value.parse().ok());
    number.map(Some).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name} must be a whole number, 1 or more"),
        )
    })
}
