//! What connections may take.

use std::{io, num::NonZero, str::FromStr, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};

/// What a request's head may take over HTTP/1.1, and at most what is buffered of a body.
const HEAD_BYTES: usize = 64 * 1024;
/// What a stream of HTTP/2 may have ready to be sent; 256 of them share a connection.
const SEND_BYTES: usize = 128 * 1024;

/// Bounds on connections; what bounds an exchange is the gateway's own business.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How many connections there are at once. The next ones wait to be accepted.
    pub(crate) connections: usize,
    /// For a request's head, from the end of the exchanges before it.
    pub(crate) header_timeout: Duration,
    /// How long a peer may take no byte of what there is to write.
    pub(crate) write_timeout: Duration,
    /// Between pings over HTTP/2, and for the answer to one.
    pub(crate) ping: Duration,
    /// For running exchanges once the server stops.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8192,
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            ping: Duration::from_secs(20),
            grace: super::GRACE,
        }
    }
}

impl Limits {
    /// The defaults, but for what the environment says.
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
            // A head that is longer, or has more than hyper's 100 fields, is 431.
            .max_buf_size(HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.ping)
            .keep_alive_timeout(self.ping)
            .max_concurrent_streams(256)
            // As much as HTTP/1.1 servers commonly take.
            .max_header_list_size(32 * 1024)
            .max_send_buf_size(SEND_BYTES)
            // How many streams a client may reset before they are looked at, and how many of its
            // errors are answered by a reset, before its connection is closed: the defaults, written
            // down so that they stay.
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(1024);
        builder
    }
}

/// A positive number that the environment sets.
fn number<T: FromStr>(name: &str) -> io::Result<Option<T>> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let number = value.to_str().and_then(|value| value.parse().ok());
    number.map(Some).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name} needs a whole number from 1 on"),
        )
    })
}
