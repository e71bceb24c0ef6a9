//! The response body, which counts as load until its end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::call::Call;
use crate::util::body_hint::is_over;

pin_project! {
    /// A response body that passes as it is, and is noticed where it ends or breaks off.
    pub struct HealthBody<R> {
        #[pin]
        body: R,
        // `None` where nothing of it matters, or no longer.
        watched: Option<Box<Call>>,
    }
}

impl<R: Body> HealthBody<R> {
    pub(super) fn new(body: R, watched: Option<Box<Call>>) -> Self {
        let watched = watched.filter(|_| !is_over(&body));
        Self { body, watched }
    }
}

impl<R: Body> Body for HealthBody<R>
where
    R::Error: 'static,
{
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        if this.watched.is_none() {
            return Poll::Ready(frame);
        }
        match &frame {
            Some(Ok(frame)) if frame.is_data() && !is_over(&*this.body) => {}
            Some(Err(error)) => {
                if let Some(call) = this.watched.take()
                    && call.blames_upstream(error)
                {
                    call.broke(Instant::now());
                }
            }
            _ => *this.watched = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// What bodies hold is for those who read them, not for logs.
impl<R> fmt::Debug for HealthBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthBody").finish_non_exhaustive()
    }
}
