//! The exchanges on one HTTP/2 connection, and what ends an upload that nobody reads.
//!
//! hyper sends what does not go out at once of a request body from a task of its own. While the
//! upstream does not read on, that task asks the body for nothing, so no body can end it. What can
//! is the executor that hyper spawns it with: once the response is over and the upload has made no
//! progress for a while, hyper's future is dropped, and h2 resets the stream.

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

/// What the smallest window of an honest upstream has room for.
const FITS: usize = 16 * 1024;

/// The exchanges on one connection. hyper's tasks for them are spawned here.
#[derive(Clone)]
pub(super) struct Exchanges(Arc<Inner>);

struct Inner {
    /// How long an upload may stand still when its response is over.
    linger: Duration,
    /// Exchanges of which the response or the upload is not over.
    count: AtomicUsize,
    /// The number of the last exchange with a request body; the first has 1.
    last: AtomicU64,
    /// The exchange whose body hyper has just asked for its first frame; 0 where there is none.
    /// Before hyper turns to anything else, it drops that body or spawns the task that sends it.
    asked: AtomicU64,
    /// By the number of the exchange, for as long as its request body exists.
    uploads: Mutex<HashMap<u64, Upload>>,
}

#[derive(Default)]
struct Upload {
    is_response_over: bool,
    /// Since hyper's task was last polled.
    has_moved: bool,
    /// hyper's task, to be told when the response is over.
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

    /// Whether that exchange is one of these.
    pub(super) fn carry(&self, exchange: &InFlight) -> bool {
        Arc::ptr_eq(&self.0, &exchange.exchanges.0)
    }

    fn end(&self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<u64, Upload>> {
        self.0.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the upload has moved since it was asked for the last time, where its response is
    /// over; else the task is woken when it is.
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
    /// 0 where there is no request body.
    number: u64,
}

impl InFlight {
    /// The request body, as hyper is to send it.
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
        // The peer counts the stream until both sides of it are closed.
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

/// A request body on its way.
pub(super) struct Sending<B> {
    body: B,
    /// Where there is a body.
    numbered: Option<Numbered>,
    last_byte: Option<Bytes>,
    /// Of what was sent, in bytes.
    length: usize,
}

struct Numbered {
    exchanges: Exchanges,
    number: u64,
    /// Whether hyper has asked for the first frame.
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
    /// Takes away the last byte of what may be the end of a long body, to send it by itself.
    ///
    /// hyper waits until there is room for one byte, then hands over all of a frame and, at the
    /// end of the body, is done with it. What the upstream does not read would stay in h2's queue
    /// for as long as the connection, in a stream that nobody can reset any more.
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
    // hyper's task of one upload, for as long as that makes sense.
    struct Bounded<F> {
        #[pin]
        task: F,
        exchanges: Exchanges,
        number: u64,
        // Begins when the response is over.
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
