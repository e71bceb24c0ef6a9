//! An HTTP/1.1 connection that is driven by its user.
//!
//! It has no task: first the call and then the response body poll it. So incoming data wakes one
//! task, not two, and passes through no channel.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::unconstrained;
use tokio::time::timeout;

use super::Origin;
use crate::client::body::{ClientBody, Driven};
use crate::client::pool::LINGER;
use crate::client::signal::Signal;
use crate::client::tracked_body::{Failed, TrackedBody};

/// How often a connection is polled in a row before it yields to other tasks.
const TURNS: usize = 32;

/// hyper's side of a connection: it reads, writes and parses.
type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

pub(in crate::client) struct Http1<B> {
    sender: SendRequest<TrackedBody<B>>,
    /// `None` once the connection has ended.
    connection: Option<Connection>,
    signal: Arc<Signal>,
    /// `signal` as the waker that hyper is polled with.
    waker: Waker,
    /// The current request body was read to its end or dropped.
    is_sent: Arc<AtomicBool>,
    /// The origin to return to. Weak: an idle connection must not keep its own pool alive.
    origin: Weak<Origin<B>>,
}

impl<B> Http1<B>
where
    B: Send + 'static,
    TrackedBody<B>: Body<Data = Bytes>,
{
    pub(in crate::client) fn new(
        sender: SendRequest<TrackedBody<B>>,
        connection: Connection,
        signal: Arc<Signal>,
        origin: Weak<Origin<B>>,
    ) -> Box<Self> {
        let waker = Waker::from(signal.clone());
        let connection = Some(connection);
        Box::new(Self { sender, connection, signal, waker, is_sent: Arc::default(), origin })
    }

    /// Takes the connection out of idle. Returns false if no request can be sent on it.
    pub(in crate::client) fn reuse(&mut self) -> bool {
        if self.signal.reuse() {
            self.poll_connection();
        }
        self.sender.is_ready()
    }

    /// Returns true if data or a close arrived while the connection was idle.
    pub(in crate::client) fn is_woken(&self) -> bool {
        self.signal.is_woken()
    }

    /// Shuts down an idle connection cleanly (TLS `close_notify`).
    pub(in crate::client) fn close(self) {
        let Self { sender, connection, .. } = self;
        drop(sender);
        if let Some(mut connection) = connection {
            let _ = connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// Sends the request. The connection must be [driven](Self::poll_answer) to get the response.
    pub(in crate::client) fn send(&mut self, request: Request<B>) -> impl Answer<B> + use<B> {
        self.is_sent.store(false, Ordering::Relaxed);
        let request = TrackedBody::request(request, Some(self.is_sent.clone()));
        // tokio's budget could make it pending although the response is there, and nothing would
        // wake it.
        unconstrained(self.sender.try_send_request(request))
    }

    pub(in crate::client) fn poll_answer<A: Answer<B>>(
        &mut self,
        mut answer: Pin<&mut A>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<Incoming>, Failed<B>>> {
        self.poll_turns(cx, |_, cx| answer.as_mut().poll(cx)).map_err(|mut error| {
            let unsent = error.take_message();
            (error.into_error(), unsent.map(|request| request.map(TrackedBody::into_inner)))
        })
    }

    /// The response, whose body now drives the connection.
    pub(in crate::client) fn answered(
        self: Box<Self>,
        response: Response<Incoming>,
    ) -> Response<ClientBody> {
        response.map(|incoming| {
            if !self.is_sent.load(Ordering::Relaxed) {
                // The rest of the request must be sent even if the response is not read.
                let (response, is_over) = oneshot::channel();
                tokio::spawn(self.drive_beside(is_over));
                ClientBody::driven_elsewhere(incoming, response)
            } else if incoming.is_end_stream() {
                self.release();
                ClientBody::ended(incoming)
            } else {
                ClientBody::http1(incoming, self)
            }
        })
    }

    /// Sends the rest of the request while the response is read, and for a while after.
    async fn drive_beside(mut self: Box<Self>, mut response: oneshot::Receiver<Infallible>) {
        let is_sent = poll_fn(|cx| {
            if self.poll_sent(cx).is_ready() {
                return Poll::Ready(true);
            }
            Pin::new(&mut response).poll(cx).map(|_| false)
        });
        if is_sent.await {
            self.set_idle();
        } else {
            self.drive_to_the_end().await;
        }
    }

    /// Sends the rest of a request whose response is over. If the upstream does not read it in
    /// time, the connection is closed and the client's upload ends: nothing waits for them any
    /// more.
    async fn drive_to_the_end(mut self: Box<Self>) {
        let linger = self.origin.upgrade().map_or(LINGER, |origin| origin.linger());
        if timeout(linger, poll_fn(|cx| self.poll_sent(cx))).await.is_ok() {
            self.set_idle();
        }
    }

    /// Ready when the connection is free again or has ended.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_turns(cx, |this, _| {
            let is_done = this.sender.is_ready() || this.connection.is_none();
            if is_done { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn set_idle(self: Box<Self>) {
        let origin = self.sender.is_ready().then(|| self.origin.upgrade()).flatten();
        if let Some(origin) = origin {
            self.signal.set_idle();
            origin.set_idle(self);
        }
    }

    /// From now on, wake-ups of the connection go to the pool's reaper.
    pub(in crate::client) fn rest(&self) {
        self.signal.set_idle();
    }

    /// Polls `step` and the connection in turns, until `step` is done or neither makes progress.
    ///
    /// `step` waits only for the connection, so it needs no waker of its own.
    fn poll_turns<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        for _ in 0..TURNS {
            if let Poll::Ready(done) = step(self, &mut Context::from_waker(Waker::noop())) {
                return Poll::Ready(done);
            }
            if self.signal.arm(cx.waker()) {
                return Poll::Pending;
            }
            self.poll_connection();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_connection(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        // The sender or the response body gets the error.
        if connection.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready() {
            self.connection = None;
        }
    }
}

/// The future of hyper's `try_send_request`, which cannot be named.
pub(in crate::client) trait Answer<B>:
    Future<Output = Result<Response<Incoming>, TrySendError<Request<TrackedBody<B>>>>> + Send
{
}

impl<B, F> Answer<B> for F where
    F: Future<Output = Result<Response<Incoming>, TrySendError<Request<TrackedBody<B>>>>> + Send
{
}

impl<B> Driven for Http1<B>
where
    B: Send + 'static,
    TrackedBody<B>: Body<Data = Bytes>,
{
    fn poll_frame(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.poll_turns(cx, |_, cx| Pin::new(&mut *incoming).poll_frame(cx))
    }

    /// Returns the connection to the pool if another request can follow, once this one is written.
    fn release(mut self: Box<Self>) {
        if !self.sender.is_ready() && self.signal.take() {
            self.poll_connection();
        }
        if self.sender.is_ready() {
            self.set_idle();
        } else if self.connection.is_some()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.drive_to_the_end());
        }
    }
}
