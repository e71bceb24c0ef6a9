//! A socket whose peer must read.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;

/// A socket that fails if its peer accepts no byte for this time while there is something to write.
///
/// No other bound detects a client that sends a request and stops reading: the server waits for room in
/// the socket, and neither reads nor polls anything meanwhile. Over HTTP/2 this detects a client that
/// reads nothing at all. If a client only keeps its windows closed, nothing is written to it; the
/// gateway's `idle` and `total` timeouts handle that.
pub(super) struct WriteTimeout<T> {
    io: T,
    limit: Duration,
    activity: Arc<Activity>,
    /// Since when a write is blocked.
    stuck: Option<Instant>,
    // Created at the first wait, and reset only when it fires.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<T> WriteTimeout<T> {
    /// `activity`: learns whether a write is blocked.
    pub(super) fn new(io: T, limit: Duration, activity: Arc<Activity>) -> Self {
        Self { io, limit, activity, stuck: None, sleep: None }
    }

    /// The result of a write, or an error if it has waited too long.
    fn watch<R>(
        &mut self,
        written: Poll<io::Result<R>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        self.activity.set_blocked(written.is_pending());
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let until = *self.stuck.get_or_insert_with(Instant::now) + self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        while sleep.deadline() < until {
            sleep.as_mut().reset(until);
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing")))
    }
}

impl<T: Read + Unpin> Read for WriteTimeout<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for WriteTimeout<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watch(written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.watch(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.watch(shut, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch(written, cx)
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::gateway::serve::drain::Drain;

    fn activity() -> Arc<Activity> {
        Activity::new(Drain::new().exchanges())
    }

    #[tokio::test(start_paused = true)]
    async fn each_byte_that_the_peer_reads_restarts_the_time() {
        let limit = Duration::from_secs(60);
        let (near, mut far) = duplex(16);
        let mut near = TokioIo::new(WriteTimeout::new(TokioIo::new(near), limit, activity()));
        let started = Instant::now();
        let writing = tokio::spawn(async move { near.write_all(&[b'x'; 64]).await });
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(59)).await;
            far.read_u8().await.unwrap();
        }
        let error = writing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), Duration::from_secs(10 * 59 + 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_with_nothing_to_write_does_not_count() {
        let (near, mut far) = duplex(16);
        let mut near =
            TokioIo::new(WriteTimeout::new(TokioIo::new(near), Duration::from_secs(1), activity()));
        for _ in 0..3 {
            near.write_all(&[b'x'; 16]).await.unwrap();
            near.flush().await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
            far.read_exact(&mut [0; 16]).await.unwrap();
        }
    }
}
