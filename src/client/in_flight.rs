//! The exchanges on one HTTP/2 connection, and how an upload that the upstream does not read is
//! ended.
//!
//! hyper sends a request body from a task of its own once it does not fit at once. While the
//! upstream does not read, that task does not poll the body, so the body cannot end the upload. The
//! executor that hyper spawns the task on can: when the response is over and the upload has made no
//! progress for a while, it drops hyper's future, and h2 resets the stream.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use pin_project_lite::pin_project;

use crate::util::patience::Patience;

/// Fits the smallest window of an honest upstream.
const FITS: usize = 16 * 1024;

/// The exchanges on one connection, and the executor of hyper's tasks for them.
#[derive(Clone)]
pub(super) struct Exchanges(Arc<Inner>);

struct Inner {
    /// How long an upload may stall after its response is over.
    linger: Duration,
    /// Exchanges whose response or upload is not over.
    count: AtomicUsize,
    /// The number of the latest exchange with a request body. Starts at 1.
    last: AtomicU64,
    /// The exchange whose body hyper has just polled for its first frame; 0 if none. The next thing
    /// hyper does is drop that body or spawn the task that sends it.
    asked: AtomicU64,
    /// By exchange number, while the request body exists.
    uploads: Mutex<HashMap<u64, Upload>>,
}

#[derive(Default)]
struct Upload {
    is_response_over: bool,
    /// Whether it made progress since hyper's task was last polled.
    has_moved: bool,
    /// hyper's task, woken when the response is over.
    task: Option<Waker>,
}

impl Exchanges {
    pub(super) fn new(linger: Duration) -> Self {
        Self(Arc::new(Inner {
            linger,
            count: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            uploads: Mutex::default(),
        }))
    }

    pub(super) fn begin(&self) -> InFlight {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        InFlight { exchanges: self.clone(), number: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Returns true if the exchange is one of these.
    pub(super) fn carry(&self, exchange: &InFlight) -> bool {
        Arc::ptr_eq(&self.0, &exchange.exchanges.0)
    }

    fn end(&self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<u64, Upload>> {
        self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Once the response is over: whether the upload has moved since the last call. Before that it
    /// is pending, and wakes the task when the response is over.
    fn poll_moved(&self, number: u64, cx: &mut Context<'_>) -> Poll<bool> {
        let mut uploads = self.uploads();
        let Some(upload) = uploads.get_mut(&number) else { return Poll::Pending };
        let has_moved = std::mem::take(&mut upload.has_moved);
        if upload.is_response_over {
            return Poll::Ready(has_moved);
        }
        if !upload.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            upload.task = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// One exchange, until its response body has ended.
pub(super) struct InFlight {
    exchanges: Exchanges,
    /// 0 if there is no request body.
    number: u64,
}

impl InFlight {
    /// Wraps the request body for hyper.
    pub(super) fn upload<B: Body>(&mut self, body: B) -> Sending<B> {
        let numbered = (!body.is_end_stream()).then(|| {
            self.number = self.exchanges.0.last.fetch_add(1, Ordering::Relaxed) + 1;
            self.exchanges.uploads().insert(self.number, Upload::default());
            Numbered { exchanges: self.exchanges.clone(), number: self.number, is_asked: false }
        });
        Sending { body, numbered, last_byte: None, length: 0 }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut uploads = self.exchanges.uploads();
        // The peer counts the stream until both sides are closed.
        let Some(upload) = uploads.get_mut(&self.number) else {
            drop(uploads);
            return self.exchanges.end();
        };
        upload.is_response_over = true;
        let task = upload.task.take();
        drop(uploads);
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// A request body that is being sent.
pub(super) struct Sending<B> {
    body: B,
    /// `None` for an empty body.
    numbered: Option<Numbered>,
    last_byte: Option<Bytes>,
    /// Bytes sent so far.
    length: usize,
}

struct Numbered {
    exchanges: Exchanges,
    number: u64,
    /// Whether hyper has polled for the first frame.
    is_asked: bool,
}

impl Numbered {
    fn ask(&mut self) {
        if !std::mem::replace(&mut self.is_asked, true) {
            self.exchanges.0.asked.store(self.number, Ordering::Relaxed);
        }
    }

    fn moved(&self) {
        if let Some(upload) = self.exchanges.uploads().get_mut(&self.number) {
            upload.has_moved = true;
        }
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        let Self { exchanges, number, .. } = self;
        let asked = &exchanges.0.asked;
        let _ = asked.compare_exchange(*number, 0, Ordering::Relaxed, Ordering::Relaxed);
        let upload = exchanges.uploads().remove(number);
        if upload.is_some_and(|upload| upload.is_response_over) {
            exchanges.end();
        }
    }
}

impl<B> Sending<B> {
    pub(super) fn into_inner(self) -> B {
        self.body
    }
}

impl<B: Body<Data = Bytes> + Unpin> Sending<B> {
    /// Splits off the last byte of a long body's last frame, to send it by itself.
    ///
    /// hyper waits for a window of one byte, then hands a whole frame to h2, and after the last
    /// frame it is done. Data that the upstream does not read would then stay in h2's queue as long
    /// as the connection, in a stream that can no longer be reset.
    fn hold_back(&mut self, data: &mut Bytes) {
        self.length = self.length.saturating_add(data.len());
        if self.length > FITS && data.len() > 1 && self.body.size_hint().lower() == 0 {
            self.last_byte = Some(data.split_off(data.len() - 1));
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Sending<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if let Some(numbered) = &mut this.numbered {
            numbered.ask();
        }
        let mut frame = match this.last_byte.take() {
            Some(byte) => Some(Ok(Frame::data(byte))),
            None => ready!(Pin::new(&mut this.body).poll_frame(cx)),
        };
        if let Some(Ok(frame)) = &mut frame {
            if let Some(numbered) = &this.numbered {
                numbered.moved();
            }
            if let Some(data) = frame.data_mut() {
                this.hold_back(data);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.last_byte.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<F> Executor<F> for Exchanges
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        match self.0.asked.swap(0, Ordering::Relaxed) {
            0 => tokio::spawn(task),
            number => {
                let patience = Patience::new(Some(self.0.linger));
                tokio::spawn(Bounded { task, exchanges: self.clone(), number, patience })
            }
        };
    }
}

pin_project! {
    // hyper's task for one upload, bounded in time after the response.
    struct Bounded<F> {
        #[pin]
        task: F,
        exchanges: Exchanges,
        number: u64,
        // Starts when the response is over.
        patience: Patience,
    }
}

impl<F: Future<Output = ()>> Future for Bounded<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.task.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if ready!(this.exchanges.poll_moved(*this.number, cx)) {
            this.patience.restart();
        }
        this.patience.poll_end(cx)
    }
}
