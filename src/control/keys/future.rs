//! The future of [`Keyed`](super::Keyed).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Request;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower::util::Oneshot;
use tower_service::Service;

use super::error::KeyError;
use super::put;
use crate::credentials::secret::Secret;

/// A key that is being fetched. Boxed: most requests find theirs at once.
type Fetch = Pin<Box<dyn Future<Output = Result<Option<Secret>, KeyError>> + Send>>;

pin_project! {
    /// The future of [`Keyed`](super::Keyed).
    #[must_use = "futures do nothing unless polled"]
    pub struct KeyFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Direct { #[pin] call: S::Future },
        Fetching { fetch: Fetch, waiting: Option<Box<(Request<B>, S)>> },
        Fetched { call: Pin<Box<Oneshot<S, Request<B>>>> },
        Refused { error: Option<KeyError> },
    }
}

impl<S, B> KeyFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn direct(call: S::Future) -> Self {
        Self { state: State::Direct { call } }
    }

    pub(super) fn fetching(fetch: Fetch, request: Request<B>, service: S) -> Self {
        let waiting = Some(Box::new((request, service)));
        Self { state: State::Fetching { fetch, waiting } }
    }

    pub(super) fn refused(error: KeyError) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }
}

impl<S, B> Future for KeyFuture<S, B>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Direct { call } => return call.poll(cx).map_err(Into::into),
                StateProjection::Fetched { call } => {
                    return call.as_mut().poll(cx).map_err(Into::into);
                }
                StateProjection::Refused { error } => {
                    let Some(error) = error.take() else { return Poll::Pending };
                    return Poll::Ready(Err(error.into()));
                }
                StateProjection::Fetching { fetch, waiting } => {
                    let key = ready!(fetch.as_mut().poll(cx));
                    let Some(waiting) = waiting.take() else { return Poll::Pending };
                    let (mut request, service) = *waiting;
                    match key.and_then(|key| put(&mut request, key)) {
                        Ok(()) => State::Fetched { call: Box::pin(Oneshot::new(service, request)) },
                        Err(error) => State::Refused { error: Some(error) },
                    }
                }
            };
            state.set(next);
        }
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
