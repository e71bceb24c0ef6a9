//! One end of an HTTP/1 connection, driven by the test.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::guard;
use super::message::Message;

/// A socket, and data that was read from it in advance.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// How the peer ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Closed,
    Reset,
}

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub async fn connect(addr: SocketAddr) -> Self {
        Self::new(guard("a connection", TcpStream::connect(addr)).await.unwrap())
    }

    // ===== sending =====

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    /// Like [`send`](Self::send), but the peer may have disconnected.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        guard("room to send", self.stream.write_all(bytes.as_ref())).await
    }

    /// Sends while the peer's message is read, like clients that neither stop nor wait.
    pub async fn send_and_read(&mut self, bytes: &[u8]) -> Message {
        let (mut reading, mut writing) = self.stream.split();
        let mut came = std::mem::take(&mut self.buffer);
        let mut piece = vec![0; 64 * 1024];
        let mut sending = std::pin::pin!(writing.write_all(bytes));
        loop {
            let length = tokio::select! {
                sent = &mut sending => { let _ = sent; break }
                length = guard("an answer while sending", reading.read(&mut piece)) => length,
            };
            match length {
                Ok(0) | Err(_) => break,
                Ok(length) => came.extend_from_slice(&piece[..length]),
            }
        }
        self.buffer = came;
        self.read_message().await
    }

    /// Ends the sending direction.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Ends the connection at once, with a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    // ===== receiving =====

    /// Reads exactly this many bytes.
    pub async fn read_bytes(&mut self, length: usize) -> Vec<u8> {
        self.fill_up_to(length).await.expect("the peer hung up");
        self.take(length)
    }

    /// Waits for the end of the connection; data that still arrives stays in the buffer.
    pub async fn ended(&mut self) -> Ended {
        loop {
            match self.fill().await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ended::Closed,
                Err(_) => return Ended::Reset,
            }
        }
    }

    /// Waits without limit for a first byte; `false` if the connection ends instead.
    pub async fn has_more(&mut self) -> bool {
        !self.buffer.is_empty()
            || matches!(self.stream.read_buf(&mut self.buffer).await, Ok(length) if length > 0)
    }

    /// Reads everything until the connection ends.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        self.ended().await;
        std::mem::take(&mut self.buffer)
    }

    pub(super) async fn read_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(mut line) = self.take_until(b"\r\n") {
                line.truncate(line.len() - 2);
                return Some(line);
            }
            self.fill().await.ok()?;
        }
    }

    pub(super) async fn fill_up_to(&mut self, length: usize) -> io::Result<()> {
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(())
    }

    pub(super) async fn fill(&mut self) -> io::Result<()> {
        self.buffer.reserve(64 * 1024);
        match guard("bytes from the peer", self.stream.read_buf(&mut self.buffer)).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }

    /// The data up to the end of `mark`, if that has arrived.
    pub(super) fn take_until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        let at = self.buffer.windows(mark.len()).position(|window| window == mark)?;
        Some(self.take(at + mark.len()))
    }

    pub(super) fn take_up_to(&mut self, length: usize) -> Vec<u8> {
        self.take(length.min(self.buffer.len()))
    }
}
