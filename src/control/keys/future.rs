//! The future of [`Keyed`](super::Keyed).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Request;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

use crate::util::ready::Passed;

pin_project! {
    /// The future of [`Keyed`](super::Keyed).
    #[must_use = "futures do nothing unless polled"]
    pub struct KeyFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        // Slow are refusals, and keys that must be fetched first.
        #[pin]
        pub(super) call: Passed<S::Future, Result<S::Response, BoxError>>,
    }
}

impl<S, B> Future for KeyFuture<S, B>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().call.poll_map(cx, |result| result.map_err(Into::into))
    }
}

impl<S, B> fmt::Debug for KeyFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFuture").finish_non_exhaustive()
    }
}
