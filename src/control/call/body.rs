//! The response body of a call.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tower::BoxError;

#[cfg(feature = "cache")]
use super::bounds::Bounds;
use super::guarded::{Begun, Guarded, Polled};
use super::guards::Guards;
use super::watch::{Limits, Watched};
use crate::context::answer_read::ReadBy;
use crate::control::timeout::{IdleTimeout, Timing};
use crate::control::timer::Timer;
use crate::control::verdict;
use crate::util::body_hint::is_over;
use crate::util::opaque::opaque_debug;

pin_project! {
    /// A response body with timeouts, which keeps its permits until it is over.
    ///
    /// It fails if the next frame takes too long. That time runs from the first poll on while a
    /// reader waits for a frame: a slow reader is not the provider's fault. After its deadline, if
    /// it has one, no more data passes, however slow the reader is; the end and trailers after the
    /// last byte do. On a timeout the wrapped body is dropped, which tells the provider to stop;
    /// after a deadline even if this body is not polled.
    pub struct CallBody<R>
    where
        R: Body,
    {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<R>
    where
        R: Body,
    {
        Polled {
            // `None` once it has failed.
            #[pin]
            body: Option<Guarded<R>>,
        },
        Watched { watched: Watched<R> },
        // The body ended with its first frame.
        Over { last: Option<Result<Frame<R::Data>, BoxError>> },
    }
}

/// How the layers above read a response.
#[derive(Default)]
pub(super) struct Reading<'a, 'w> {
    /// A layer above may drop the response for another one.
    pub(super) may_be_dropped: bool,
    /// The task, if a layer above reads the start as soon as it has the head.
    pub(super) at_once: Option<&'a mut Context<'w>>,
}

impl<R> CallBody<R>
where
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    /// Wraps a response without bounds and without guards.
    fn plain(response: Response<R>) -> Response<Self> {
        response.map(|inner| {
            let (guards, timer) = (Guards::default(), Timer::default());
            let body = Guarded { inner, guards, idle: None, waiting_since: None, timer };
            Self { kind: Kind::Polled { body: Some(body) } }
        })
    }

    /// Wraps a response of which nothing is held. Its body ends with its exchange, or if its reader
    /// leaves it unread for too long.
    #[cfg(feature = "cache")]
    pub(in crate::control) fn within(mut response: Response<R>, bounds: Bounds) -> Response<Self> {
        let Bounds { timeouts, total } = bounds;
        let extensions = response.extensions_mut();
        if let Some(idle) = timeouts.idle {
            extensions.get_or_insert_with(|| IdleTimeout(idle));
        }
        if total.is_none() && extensions.get::<IdleTimeout>().is_none() {
            return Self::plain(response);
        }
        let mut timing = Timing::default();
        timing.body.total = total;
        timing.body.watches_reader = true;
        Self::of(response, timing, Guards::default())
    }

    /// Wraps the response of a call, with or without timeouts. `watches_reader`: the client may not
    /// leave the body unread for longer than its idle timeout.
    pub(super) fn of_call(
        response: Response<R>,
        timing: Option<Box<Timing>>,
        guards: Guards,
        watches_reader: bool,
        reading: Reading<'_, '_>,
    ) -> Response<Self> {
        if timing.is_none()
            && guards.is_empty()
            && response.extensions().get::<IdleTimeout>().is_none()
        {
            return Self::plain(response);
        }
        let mut timing = timing.map_or_else(Timing::default, |own| *own);
        timing.body.watches_reader = watches_reader;
        Self::read(response, timing, guards, reading)
    }

    /// Wraps a response. If a bound must hold even while the body is not read, a task watches it.
    pub(in crate::control) fn of(
        response: Response<R>,
        timing: Timing,
        guards: Guards,
    ) -> Response<Self> {
        Self::read(response, timing, guards, Reading::default())
    }

    fn read(
        mut response: Response<R>,
        timing: Timing,
        guards: Guards,
        Reading { may_be_dropped, at_once }: Reading<'_, '_>,
    ) -> Response<Self> {
        let Timing { body: bounds, timer, classified_for, .. } = timing;
        let unread = match bounds.watches_reader {
            true => {
                let below = response.extensions_mut().remove::<IdleTimeout>();
                bounds.idle.or(below.map(|IdleTimeout(idle)| idle))
            }
            false => {
                if let Some(idle) = bounds.idle {
                    response.extensions_mut().insert(IdleTimeout(idle));
                }
                None
            }
        };
        let is_over = is_over(response.body());
        let mut guards = if is_over { Guards::default() } else { guards };
        let must_watch = (bounds.total.is_some() || unread.is_some()) && !is_over;
        // Without a runtime there are no timers.
        let runtime = must_watch.then(Handle::try_current).and_then(Result::ok);
        let (mut head, inner) = response.into_parts();
        let (idle, waiting_since) = (bounds.idle, None);
        let Some(runtime) = runtime else {
            if may_be_dropped {
                guards.share_permits(&mut head.extensions);
            }
            let body = Guarded { inner, guards, idle, waiting_since, timer };
            return Response::from_parts(head, Self { kind: Kind::Polled { body: Some(body) } });
        };
        let body = Guarded { inner, guards, idle, waiting_since, timer: Timer::default() };
        let (mut body, limits) = (Box::pin(body), Limits { total: bounds.total, unread });
        let has_time = |_: &_| limits.total.is_none_or(|total| Instant::now() < total.until);
        let begun = at_once.filter(has_time).map(|cx| body.as_mut().begin(cx));
        let first = match begun {
            // There is nothing left to watch.
            Some(Begun::Over(last)) => {
                if let (Some(context), Some(Ok(only))) = (&classified_for, &last)
                    && verdict::is_answer(&head.headers, only, context.shape())
                {
                    context.set_answer_read(ReadBy::Call);
                }
                return Response::from_parts(head, Self { kind: Kind::Over { last } });
            }
            Some(Begun::GoesOn(first)) => first,
            None => None,
        };
        if may_be_dropped {
            body.as_mut().project().guards.share_permits(&mut head.extensions);
        }
        let watched = Watched::new(body, first, limits, timer, &runtime);
        head.extensions.insert(watched.shared_exchange());
        Response::from_parts(head, Self { kind: Kind::Watched { watched } })
    }
}

impl<R> Body for CallBody<R>
where
    R: Body,
    R::Error: Into<BoxError>,
{
    type Data = R::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<R> {
        match self.project().kind.project() {
            KindProjection::Polled { body: mut place } => {
                let Some(body) = place.as_mut().as_pin_mut() else { return Poll::Ready(None) };
                let frame = ready!(body.poll(cx));
                if matches!(frame, Some(Err(_))) {
                    place.set(None);
                }
                Poll::Ready(frame)
            }
            KindProjection::Watched { watched } => watched.poll_frame(cx),
            KindProjection::Over { last } => Poll::Ready(last.take()),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Polled { body } => body.as_ref().is_none_or(|body| body.inner.is_end_stream()),
            Kind::Watched { watched } => watched.is_end_stream(),
            Kind::Over { last } => last.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Polled { body: Some(body) } => body.inner.size_hint(),
            Kind::Polled { body: None } => SizeHint::with_exact(0),
            Kind::Watched { watched } => watched.size_hint(),
            Kind::Over { last: Some(last) } => match last.as_ref().map(Frame::data_ref) {
                Ok(Some(data)) => SizeHint::with_exact(data.remaining() as u64),
                // A reader that trusts an exact length would stop before it.
                Ok(None) | Err(_) => SizeHint::default(),
            },
            Kind::Over { last: None } => SizeHint::with_exact(0),
        }
    }
}

opaque_debug!(CallBody<R> where R: Body);
