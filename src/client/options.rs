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

/// The flow-control windows of HTTP/2, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::client) struct Windows<T> {
    pub(in crate::client) stream: T,
    pub(in crate::client) connection: T,
}

impl Windows<Option<u32>> {
    const STREAM: u32 = 128 * 1024;
    /// One DATA frame.
    const SMALLEST_STREAM: u32 = 16 * 1024;
    /// The protocol's own limit.
    const LARGEST: u32 = (1 << 31) - 1;

    /// The windows for as many streams. What is not set follows from the rest: the windows of all streams
    /// fit into that of the connection, so that streams that nobody reads do not stall the others.
    pub(in crate::client) fn of_streams(self, streams: usize) -> Windows<u32> {
        let streams = u32::try_from(streams).unwrap_or(u32::MAX).max(1);
        let stream = self.stream.unwrap_or_else(|| {
            let share = self.connection.map_or(Self::STREAM, |connection| connection / streams);
            share.clamp(Self::SMALLEST_STREAM, Self::STREAM)
        });
        let all = stream.saturating_mul(streams).min(Self::LARGEST);
        Windows { stream, connection: self.connection.unwrap_or(all) }
    }
}

/// Options of HTTP/2 connections.
#[derive(Clone, Copy)]
pub(in crate::client) struct Http2Options {
    pub(in crate::client) windows: Windows<u32>,
    pub(in crate::client) keepalive_interval: Option<Duration>,
    pub(in crate::client) keepalive_timeout: Duration,
}

impl Http2Options {
    /// A builder for one connection, with its own executor.
    pub(in crate::client) fn builder(self, exchanges: Exchanges) -> http2::Builder<Exchanges> {
        let mut builder = http2::Builder::new(exchanges);
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(self.windows.stream)
            .initial_connection_window_size(self.windows.connection)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .keep_alive_interval(self.keepalive_interval)
            .keep_alive_timeout(self.keepalive_timeout)
            .keep_alive_while_idle(true)
            .initial_max_send_streams(UNKNOWN_STREAMS);
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_of_all_streams_fit_into_that_of_their_connection() {
        const KIB: u32 = 1024;
        for (stream, connection, streams, expected) in [
            (None, None, 90, (128 * KIB, 90 * 128 * KIB)),
            (Some(1024 * KIB), None, 90, (1024 * KIB, 90 * 1024 * KIB)),
            (None, Some(2880 * KIB), 90, (32 * KIB, 2880 * KIB)),
            (None, Some(1 << 30), 90, (128 * KIB, 1 << 30)),
            // A frame must fit, and nothing is larger than the protocol allows.
            (None, Some(64 * KIB), 90, (16 * KIB, 64 * KIB)),
            (None, None, usize::MAX, (128 * KIB, (1 << 31) - 1)),
            // Both as the host has set them.
            (Some(1024 * KIB), Some(16 * 1024 * KIB), 90, (1024 * KIB, 16 * 1024 * KIB)),
        ] {
            let Windows { stream, connection } = Windows { stream, connection }.of_streams(streams);
            assert_eq!((stream, connection), expected);
        }
    }
}
