//! How a layer calls the service that it wraps: at once, or later from a boxed future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Takes the service that is ready; its clone stays for other requests.
#[cfg(feature = "control")]
pub(crate) fn take<S: Clone>(inner: &mut S) -> S {
    let clone = inner.clone();
    std::mem::replace(inner, clone)
}

/// Gives back what `poll_ready` reserved, and returns a service that has reserved nothing.
pub(crate) fn give_back<S: Clone>(inner: &mut S) -> S {
    *inner = inner.clone();
    inner.clone()
}

/// The slow path of a layer, boxed because most requests do not take it.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The call of the inner service, passed through, or the slow path in its place.
    #[project = PassedProjection]
    pub(crate) enum Passed<F, T> {
        Direct { #[pin] call: F },
        Slow { work: Boxed<T> },
    }
}

impl<F: Future, T> Passed<F, T> {
    pub(crate) fn slow(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Slow { work: Box::pin(work) }
    }

    /// `end` turns the output of the direct call into that of the layer.
    #[inline]
    pub(crate) fn poll_map(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        end: impl FnOnce(F::Output) -> T,
    ) -> Poll<T> {
        match self.project() {
            PassedProjection::Direct { call } => call.poll(cx).map(end),
            PassedProjection::Slow { work } => work.as_mut().poll(cx),
        }
    }
}
