//! What a connection may take.

use std::time::Duration;

use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};

/// Times that bound a connection; what bounds an exchange is the gateway's own business.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// For a request's head, which over HTTP/1.1 counts from the end of the exchange before it.
    pub(crate) header_timeout: Duration,
    /// Between pings over HTTP/2, and for the answer to one.
    pub(crate) ping: Duration,
    /// For running exchanges once the server stops.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(30),
            ping: Duration::from_secs(20),
            grace: super::GRACE,
        }
    }
}

impl Limits {
    pub(super) fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.header_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.ping)
            .keep_alive_timeout(self.ping)
            .max_concurrent_streams(256)
            // As much as HTTP/1.1 servers commonly take.
            .max_header_list_size(32 * 1024);
        builder
    }
}
