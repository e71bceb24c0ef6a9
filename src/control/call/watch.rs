//! A body that ends in time even if it is not polled.
//!
//! A body acts only when it is polled, and the body of a client that does not read is not polled:
//! the server waits for room in its socket or for an HTTP/2 window. So a response with a bound that
//! must hold anyway is shared with a task that sleeps until then. The task polls the body once
//! more, to see whether it has ended or who is slow, then drops it and keeps the error for the
//! reader. With timer and shared body this costs about 640 bytes, and no time until it fires. One
//! task for all exchanges of a runtime would save part of that, but needs a shared queue under a
//! lock.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tower::BoxError;

use super::guarded::{Guarded, Polled};
use crate::control::timer::{Bound, Timer};
use crate::exchange::SharedExchange;
use crate::response::failure;
use crate::util::body_hint::longer;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// The bounds of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) total: Option<Bound>,
    /// How long a reader may leave the body unread.
    pub(super) unread: Option<Duration>,
}

/// The reader's side of a watched body.
pub(super) struct Watched<B: Body> {
    /// The frame that was read before.
    first: Option<Frame<B::Data>>,
    shared: Arc<Shared<B>>,
    task: AbortHandle,
}

/// Boxed, so that it can be dropped outside the lock.
type Boxed<B> = Pin<Box<Guarded<B>>>;

struct Shared<B: Body> {
    state: Mutex<State<B>>,
    limits: Limits,
    shared_exchange: Arc<SharedExchange>,
}

struct State<B: Body> {
    /// `None` once it has ended or timed out.
    body: Option<Boxed<B>>,
    /// The last item for the reader.
    last: Option<Result<Frame<B::Data>, BoxError>>,
    /// When the reader last polled for a frame.
    polled: Instant,
    /// The reader's waker, if that poll was pending.
    waiting: Option<Waker>,
}

impl<B> Watched<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(
        body: Boxed<B>,
        first: Option<Frame<B::Data>>,
        limits: Limits,
        timer: Timer,
        runtime: &Handle,
    ) -> Self {
        let state = State { body: Some(body), last: None, polled: Instant::now(), waiting: None };
        let shared_exchange = Arc::default();
        let shared = Arc::new(Shared { state: Mutex::new(state), limits, shared_exchange });
        let task = runtime.spawn(watch(shared.clone(), timer)).abort_handle();
        Self { first, shared, task }
    }
}

impl<B: Body> Watched<B> {
    /// Where the exchange of this body can be put, to be ended on a timeout.
    pub(super) fn shared_exchange(&self) -> Arc<SharedExchange> {
        self.shared.shared_exchange.clone()
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let state = self.shared.state();
        let body = state.body.as_ref();
        self.first.is_none()
            && state.last.is_none()
            && body.is_none_or(|body| body.inner.is_end_stream())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let state = self.shared.state();
        let hint = match &state.body {
            Some(body) => body.inner.size_hint(),
            // A reader that trusts an exact length would stop before the error.
            None if state.last.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
        };
        let first = self.first.as_ref().and_then(Frame::data_ref).map_or(0, Buf::remaining) as u64;
        longer(&hint, (first, first))
    }
}

impl<B> Watched<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled<B> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let (polled, ended) = self.shared.poll_frame(cx);
        if let Some(body) = ended {
            drop(body);
            self.task.abort();
        }
        polled
    }
}

impl<B: Body> Drop for Watched<B> {
    fn drop(&mut self) {
        self.task.abort();
        // The task may live a moment longer: the body must not.
        let body = self.shared.state().body.take();
        drop(body);
    }
}

impl<B: Body> Shared<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When to look at the body again; `None` once it is gone.
    fn due(&self) -> Option<Instant> {
        let state = self.state();
        state.body.as_ref()?;
        let unread = self.unread(&state);
        let total = self.limits.total.map(|bound| bound.until);
        // A time that the clock cannot express never comes: then only the reader ends the body.
        total.into_iter().chain(unread).min()
    }

    /// When the reader has left the body unread for too long. A waiting reader is woken by the call's
    /// idle timeout and then has the same time again to poll.
    fn unread(&self, state: &State<B>) -> Option<Instant> {
        let idle = self.limits.unread?;
        let patience = if state.waiting.is_some() { idle.checked_mul(2)? } else { idle };
        state.polled.checked_add(patience)
    }

    /// The timeout that has expired, if any.
    fn overdue(&self, state: &State<B>, now: Instant) -> Option<TimeoutError> {
        if let Some(total) = self.limits.total.filter(|bound| now >= bound.until) {
            return Some(total.error);
        }
        let idle = self.limits.unread?;
        let is_unread = self.unread(state).is_some_and(|until| now >= until);
        is_unread.then(|| TimeoutError::new(TimeoutPhase::Unread, idle))
    }
}

impl<B> Shared<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// What the reader gets, and the body if it has ended.
    fn poll_frame(&self, cx: &mut Context<'_>) -> (Polled<B>, Option<Boxed<B>>) {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(body) = &mut state.body else {
            return (Poll::Ready(state.last.take()), None);
        };
        let polled = body.as_mut().poll(cx);
        let now = Instant::now();
        state.polled = now;
        let Poll::Ready(frame) = polled else {
            match &mut state.waiting {
                Some(known) => known.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            return (Poll::Pending, None);
        };
        state.waiting = None;
        match frame {
            Some(Ok(frame)) => match self.limits.total {
                Some(total) if frame.is_data() && now > total.until => {
                    (Poll::Ready(Some(Err(total.error.into()))), state.body.take())
                }
                _ => (Poll::Ready(Some(Ok(frame))), None),
            },
            Some(Err(error)) => (Poll::Ready(Some(Err(error))), state.body.take()),
            None => (Poll::Ready(None), state.body.take()),
        }
    }

    /// Ends the body if its time is over.
    fn expire(&self, now: Instant) {
        let (body, waiting, failure) = {
            let mut guard = self.state();
            let Some(timeout) = self.overdue(&guard, now) else { return };
            let state = &mut *guard;
            let Some(mut body) = state.body.take() else { return };
            // The body may have just ended, or hit the idle timeout of the call.
            let last = body.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            state.last = match last {
                Poll::Ready(None) => None,
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => Some(Ok(frame)),
                Poll::Ready(Some(Err(error))) => Some(Err(error)),
                Poll::Ready(Some(Ok(_))) | Poll::Pending => Some(Err(timeout.into())),
            };
            let error = state.last.as_ref().and_then(|last| last.as_ref().err());
            let failure = error.map(|error| failure::of_body(&**error));
            (body, state.waiting.take(), failure)
        };
        // Not under the lock: all of these run foreign code.
        drop(body);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        if let Some(failure) = failure {
            self.shared_exchange.expire(failure);
        }
    }
}

/// Sleeps until the body's time is over. Frames do not wake it: it checks when the last one came.
async fn watch<B>(shared: Arc<Shared<B>>, mut timer: Timer)
where
    B: Body,
    B::Error: Into<BoxError>,
{
    while let Some(due) = shared.due() {
        poll_fn(|cx| timer.poll_until(due, cx)).await;
        shared.expire(Instant::now());
    }
}
