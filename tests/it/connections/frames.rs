//! HTTP/2 by hand: a server that sends arbitrary frames.
#![cfg_attr(not(feature = "control"), allow(dead_code))]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::connections::soon;
use crate::support::frames::{ACK, END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS, frame};

const PREFACE: usize = 24;

/// The head of a response and its end: `:status: 200`.
pub(crate) fn ok(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88])
}

/// A connection to a client.
pub(crate) struct Frames {
    stream: TcpStream,
    /// Settings that the client has not acknowledged yet.
    unknown: usize,
}

impl Frames {
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = soon(listener.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unknown: 0 }
    }

    /// Sets the number of allowed streams, and reads the client's preface.
    pub(crate) async fn begin(&mut self, streams: u32) {
        self.send_limit(streams).await;
        soon(self.stream.read_exact(&mut [0; PREFACE])).await.unwrap();
    }

    async fn send_limit(&mut self, streams: u32) {
        let [a, b, c, d] = streams.to_be_bytes();
        // SETTINGS_MAX_CONCURRENT_STREAMS.
        self.send(&frame(SETTINGS, 0, 0, &[0, 3, a, b, c, d])).await;
        self.unknown += 1;
    }

    /// Changes the number of allowed streams, and waits for the client's acknowledgement.
    pub(crate) async fn allow(&mut self, streams: u32) {
        self.send_limit(streams).await;
        while self.unknown > 0 {
            self.next(SETTINGS).await;
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
    }

    /// Reads up to the next frame of this kind, and acknowledges settings and pings. Returns the
    /// frame's stream; `None` if the client has closed the connection.
    pub(crate) async fn try_next(&mut self, wanted: u8) -> Option<u32> {
        let mut head = [0; 9];
        loop {
            soon(self.stream.read_exact(&mut head)).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            soon(self.stream.read_exact(&mut payload)).await.ok()?;
            match (head[3], head[4]) {
                (SETTINGS, ACK) => self.unknown -= 1,
                (SETTINGS, 0) => self.send(&frame(SETTINGS, ACK, 0, &[])).await,
                (PING, 0) => self.send(&frame(PING, ACK, 0, &payload)).await,
                _ => {}
            }
            if head[3] == wanted {
                return Some(u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
            }
        }
    }

    pub(crate) async fn next(&mut self, wanted: u8) -> u32 {
        self.try_next(wanted).await.unwrap()
    }

    /// Sends nothing more, and reads until the client closes the connection.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.shutdown().await;
        self.drain().await;
    }

    pub(crate) async fn drain(mut self) {
        while self.stream.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {}
    }

    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}
