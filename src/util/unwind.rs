//! Calling code of the host's, which may panic.
//!
//! A panic of it costs its own event or request. It must not unwind into the task, which may serve
//! other requests of the connection; nor out of `Drop`, which would end the process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `call` returns, unless it panics.
pub(crate) fn call<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(Panicked::of)
}

/// What a future gives, unless making or polling it panics.
pub(crate) async fn run<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, Panicked> {
    use std::pin::pin;
    use std::task::Poll;

    let mut future = pin!(call(make)?);
    std::future::poll_fn(|cx| match call(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

/// Code of the host's has panicked. The panic hook has told of what.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it panicked")]
pub(crate) struct Panicked;

impl Panicked {
    fn of(payload: Box<dyn Any + Send>) -> Self {
        // Dropping it could panic again, and nobody would catch that.
        std::mem::forget(payload);
        Self
    }
}
