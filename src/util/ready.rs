//! Helpers for cloning a ready service without losing or leaking its readiness, and for the futures
//! of its calls.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// The panic message of a future that is polled again after its output.
pub(crate) const COMPLETED: &str = "polled after completion";

/// Takes the ready service and leaves its clone for other requests.
pub(crate) fn take<S: Clone>(inner: &mut S) -> S {
    let clone = inner.clone();
    std::mem::replace(inner, clone)
}

/// Releases what `poll_ready` reserved, and returns a service that has reserved nothing.
pub(crate) fn give_back<S: Clone>(inner: &mut S) -> S {
    *inner = inner.clone();
    inner.clone()
}

/// The slow path of a layer, boxed because few requests take it.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The inner service's call passed through, or the slow path instead.
    #[project = PassedProjection]
    pub(crate) enum Passed<F, T> {
        Direct { #[pin] call: F },
        Slow { work: Boxed<T> },
    }
}

impl<F: Future, T> Passed<F, T> {
    /// `end` turns the output of the direct call into the layer's.
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

    /// Like [`poll_map`](Self::poll_map), but the slow path may follow the direct call. The call is
    /// dropped first: its service may not be ready again before.
    #[inline]
    pub(crate) fn poll_or(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut end: impl FnMut(F::Output, &mut Context<'_>) -> ControlFlow<T, Boxed<T>>,
    ) -> Poll<T> {
        loop {
            let work = match self.as_mut().project() {
                PassedProjection::Slow { work } => return work.as_mut().poll(cx),
                PassedProjection::Direct { call } => match end(ready!(call.poll(cx)), cx) {
                    ControlFlow::Break(given) => return Poll::Ready(given),
                    ControlFlow::Continue(work) => work,
                },
            };
            self.set(Self::Slow { work });
        }
    }
}

/// Defines the named future of a layer around [`Passed`]: the direct call, the layer's output, and
/// the conversion.
macro_rules! passed_future {
    (
        $(#[$doc:meta])*
        pub struct $name:ident<$($param:ident),*>($call:ty => $output:ty)
        where { $($bounds:tt)* }
        poll where { $($poll_bounds:tt)* } $end:expr
    ) => {
        pin_project_lite::pin_project! {
            $(#[$doc])*
            #[must_use = "futures do nothing unless polled"]
            pub struct $name<$($param),*>
            where
                $($bounds)*
            {
                #[pin]
                call: crate::util::ready::Passed<$call, $output>,
            }
        }

        impl<$($param),*> $name<$($param),*>
        where
            $($bounds)*
        {
            fn direct(call: $call) -> Self {
                Self { call: crate::util::ready::Passed::Direct { call } }
            }

            fn slow(work: impl Future<Output = $output> + Send + 'static) -> Self {
                Self { call: crate::util::ready::Passed::Slow { work: Box::pin(work) } }
            }
        }

        impl<$($param),*> Future for $name<$($param),*>
        where
            $($bounds)*
            $($poll_bounds)*
        {
            type Output = $output;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.project().call.poll_map(cx, $end)
            }
        }

        impl<$($param),*> std::fmt::Debug for $name<$($param),*>
        where
            $($bounds)*
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use passed_future;
