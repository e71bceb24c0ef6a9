//! Calls host code, which may panic.
//!
//! A panic costs only its own event or request. It must not unwind into the task, which may serve
//! other requests of the connection, or out of `Drop`, which would abort the process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns the result of `call` unless it panics.
pub(crate) fn call<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(Panicked::of)
}

/// Returns the output of a future unless creating or polling it panics.
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

/// Host code has panicked. The panic hook has reported the details.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it panicked")]
pub(crate) struct Panicked;

impl Panicked {
    fn of(payload: Box<dyn Any + Send>) -> Self {
        // Dropping the payload could panic again, and nothing would catch that.
        std::mem::forget(payload);
        Self
    }
}
