//! A body that ends in time though nobody polls it.
//!
//! A body acts only when it is polled, and nobody polls the body of a client that does not read: the
//! server waits for room in its socket, or for a window of HTTP/2. So where a response has a bound
//! that must hold all the same, it is shared with a task that sleeps until then. That task polls the
//! body a last time, which tells whether it has ended or who is slow, then drops it and keeps the
//! error for its reader. With the timer and the shared body that takes some 640 bytes, and no time
//! until it fires. One task for all exchanges of a runtime would save its own part of that, for a
//! queue under a lock that they all share.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tower::BoxError;

use super::guarded::{Guarded, Polled};
use crate::control::timer::{Bound, Timer};
use crate::exchange::SharedExchange;
use crate::response::failure;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// What bounds a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) total: Option<Bound>,
    /// How long a reader may leave the body alone.
    pub(super) unread: Option<Duration>,
}

/// The reader's end of a watched body.
pub(super) struct Watched<B: Body> {
    shared: Arc<Shared<B>>,
    task: AbortHandle,
}

/// Boxed: it is dropped outside of the lock.
type Boxed<B> = Pin<Box<Guarded<B>>>;

struct Shared<B: Body> {
    state: Mutex<State<B>>,
    limits: Limits,
    shared_exchange: Arc<SharedExchange>,
}

struct State<B: Body> {
    /// `None` once it has ended or took too long.
    body: Option<Boxed<B>>,
    /// What the reader still gets.
    last: Option<Result<Frame<B::Data>, BoxError>>,
    /// When the reader last asked for a frame…
    polled: Instant,
    /// … and who is to be woken, if there was none.
    waiting: Option<Waker>,
}

impl<B> Watched<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(body: Guarded<B>, limits: Limits, timer: Timer, runtime: &Handle) -> Self {
        let state =
            State { body: Some(Box::pin(body)), last: None, polled: Instant::now(), waiting: None };
        let shared_exchange = Arc::default();
        let shared = Arc::new(Shared { state: Mutex::new(state), limits, shared_exchange });
        let task = runtime.spawn(watch(shared.clone(), timer)).abort_handle();
        Self { shared, task }
    }
}

impl<B: Body> Watched<B> {
    /// Where the exchange of this body can wait, to be ended when the time is over.
    pub(super) fn shared_exchange(&self) -> Arc<SharedExchange> {
        self.shared.shared_exchange.clone()
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let state = self.shared.state();
        let body = state.body.as_ref();
        state.last.is_none() && body.is_none_or(|body| body.inner.is_end_stream())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let state = self.shared.state();
        match &state.body {
            Some(body) => body.inner.size_hint(),
            // Whoever trusts an exact length never comes to see the error behind it.
            None if state.last.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl<B> Watched<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled<B> {
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
        // The task may outlive this by a moment: the body must not.
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
        // A time beyond all clocks never comes: then only the reader ends the body.
        total.into_iter().chain(unread).min()
    }

    /// When the reader has left the body alone for too long. One that waits is woken by the idle
    /// timeout of the call, and has as long again to come back.
    fn unread(&self, state: &State<B>) -> Option<Instant> {
        let idle = self.limits.unread?;
        let patience = if state.waiting.is_some() { idle.checked_mul(2)? } else { idle };
        state.polled.checked_add(patience)
    }

    /// Why the body must end now, if it must.
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
    /// What the reader gets, and the body where that was its end.
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

    /// Ends the body where its time is over.
    fn expire(&self, now: Instant) {
        let (body, waiting, failure) = {
            let mut guard = self.state();
            let Some(timeout) = self.overdue(&guard, now) else { return };
            let state = &mut *guard;
            let Some(mut body) = state.body.take() else { return };
            // The end may be there already, or the idle timeout of the call is the reason.
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
        // All of these run foreign code: not under the lock.
        drop(body);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        if let Some(failure) = failure {
            self.shared_exchange.expire(failure);
        }
    }
}

/// Sleeps until the body's time is over. Frames do not wake it; it looks when the last one came.
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
