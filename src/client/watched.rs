//! A transport that reports when everything read from it has been processed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::sync::watch;

use crate::client::macros::passes_writes;

/// Notifies its receiver when a read finds no more data: the reader has then processed what came
/// before. It stops once the receiver is dropped.
pub(super) struct Watched<T> {
    io: T,
    reads: Option<watch::Sender<()>>,
}

impl<T> Watched<T> {
    pub(super) fn new(io: T) -> (Self, watch::Receiver<()>) {
        let (sender, receiver) = watch::channel(());
        (Self { io, reads: Some(sender) }, receiver)
    }
}

impl<T: Read + Unpin> Read for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_pending() {
            self.reads.take_if(|reads| reads.send(()).is_err());
        }
        read
    }
}

impl<T: Write + Unpin> Write for Watched<T> {
    passes_writes!(io);
}
