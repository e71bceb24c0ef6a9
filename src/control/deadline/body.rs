//! The response body of [`Deadline`](super::Deadline).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tower::BoxError;

use super::watch::{Limits, Watched};
use crate::control::timeout::IdleTimeout;
use crate::control::timer::{Bound, Timer};
use crate::util::body_hint::is_over;

pin_project! {
    /// A response body that fails where its last byte does not come in time, or its reader does not.
    ///
    /// No data passes after that time, however slow its reader is; the end and trailers behind the
    /// last byte do. The body within is then dropped, which tells the provider to stop, even where
    /// nobody polls this one.
    pub struct DeadlineBody<B>
    where
        B: Body,
    {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B>
    where
        B: Body,
    {
        Unbound { #[pin] body: B },
        Bound { watched: Watched<B> },
    }
}

impl<B> DeadlineBody<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// The response with its body, watched where it has a bound. `timer`: that of the call, which
    /// may be used again.
    pub(super) fn of(
        mut response: Response<B>,
        total: Option<Bound>,
        timer: Timer,
    ) -> Response<Self> {
        let idle = response.extensions_mut().remove::<IdleTimeout>().map(|IdleTimeout(idle)| idle);
        if total.is_none() && idle.is_none() || is_over(response.body()) {
            return response.map(|body| Self { kind: Kind::Unbound { body } });
        }
        // Without a runtime there are no timers either.
        let Ok(runtime) = Handle::try_current() else {
            return response.map(|body| Self { kind: Kind::Unbound { body } });
        };
        let (mut head, body) = response.into_parts();
        let watched = Watched::new(body, Limits { total, idle }, timer, &runtime);
        head.extensions.insert(watched.parking());
        Response::from_parts(head, Self { kind: Kind::Bound { watched } })
    }
}

impl<B> Body for DeadlineBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        match self.project().kind.project() {
            KindProjection::Unbound { body } => body.poll_frame(cx).map_err(Into::into),
            KindProjection::Bound { watched } => watched.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Unbound { body } => body.is_end_stream(),
            Kind::Bound { watched } => watched.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Unbound { body } => body.size_hint(),
            Kind::Bound { watched } => watched.size_hint(),
        }
    }
}

// What bodies hold is for those who read them, not for logs.
impl<B: Body> fmt::Debug for DeadlineBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineBody").finish_non_exhaustive()
    }
}
