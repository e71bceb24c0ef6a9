//! Whether a connection is in use.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use http::Response;
use hyper::body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::drain::Running;

/// The exchanges of one connection. Lives as long as the last of them.
pub(super) struct Activity {
    state: Mutex<State>,
    /// What was written waits for the peer to read.
    is_blocked: AtomicBool,
    _running: Running,
}

struct State {
    open: usize,
    has_asked: bool,
    /// Since when no exchange is open, if none is.
    idle_since: Instant,
}

impl Activity {
    pub(super) fn new(running: Running) -> Arc<Self> {
        let state = State { open: 0, has_asked: false, idle_since: Instant::now() };
        let (state, is_blocked) = (Mutex::new(state), AtomicBool::new(false));
        Arc::new(Self { state, is_blocked, _running: running })
    }

    /// Since when no exchange is open; `None` while one is, or the end of one is still being written.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        let is_idle = state.open == 0 && !self.is_blocked.load(Ordering::Relaxed);
        is_idle.then_some(state.idle_since)
    }

    pub(super) fn set_blocked(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// Returns true if there was any exchange.
    pub(super) fn has_asked(&self) -> bool {
        self.state().has_asked
    }

    /// Starts an exchange.
    pub(super) fn open<F>(self: &Arc<Self>, answer: F) -> Exchange<F> {
        let mut state = self.state();
        state.open += 1;
        state.has_asked = true;
        drop(state);
        Exchange { answer, open: Some(Open(self.clone())) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open exchange.
struct Open(Arc<Activity>);

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open -= 1;
        state.idle_since = Instant::now();
    }
}

// Fields are dropped in order: the service's future or body is dropped before its exchange ends.
pin_project! {
    /// An exchange up to its response.
    pub(super) struct Exchange<F> {
        #[pin]
        answer: F,
        open: Option<Open>,
    }
}

impl<F, B, E> Future for Exchange<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ExchangeBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.answer.poll(cx))?;
        let open = this.open.take();
        Poll::Ready(Ok(response.map(|body| ExchangeBody { body, _open: open })))
    }
}

pin_project! {
    /// An exchange up to the end of its response body.
    pub(super) struct ExchangeBody<B> {
        #[pin]
        body: B,
        _open: Option<Open>,
    }
}

impl<B: Body> Body for ExchangeBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
