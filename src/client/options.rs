//! HTTP versions and their options.

use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::TokioTimer;

use super::http2::UNKNOWN_STREAMS;
use super::in_flight::Exchanges;

const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;

/// Which HTTP versions a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Versions {
    Negotiated,
    Http1,
    Http2,
}

/// Options of HTTP/2 connections.
#[derive(Clone, Copy)]
pub(in crate::client) struct Http2Options {
    pub(in crate::client) stream_window: u32,
    pub(in crate::client) connection_window: u32,
    pub(in crate::client) keepalive_interval: Option<Duration>,
    pub(in crate::client) keepalive_timeout: Duration,
}

impl Http2Options {
    /// A builder for one connection, with its own executor.
    pub(in crate::client) fn builder(self, exchanges: Exchanges) -> http2::Builder<Exchanges> {
        let mut builder = http2::Builder::new(exchanges);
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .keep_alive_interval(self.keepalive_interval)
            .keep_alive_timeout(self.keepalive_timeout)
            .keep_alive_while_idle(true)
            .initial_max_send_streams(UNKNOWN_STREAMS);
        builder
    }
}
