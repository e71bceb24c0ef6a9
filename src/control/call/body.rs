//! The response body of a call.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::{Body, SizeHint};
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tower::BoxError;

#[cfg(feature = "cache")]
use super::bounds::Bounds;
use super::guarded::{Guarded, Polled};
use super::guards::Guards;
use super::watch::{Limits, Watched};
use crate::control::timeout::{IdleTimeout, Timing};
use crate::control::timer::Timer;
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
    }
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

    /// The response with a body that ends with its exchange, or once its reader has left it unread for
    /// too long, and for which nothing is held.
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

    /// The response with its body, for a call that has timeouts or not.
    pub(super) fn of_call(
        response: Response<R>,
        timing: Option<Box<Timing>>,
        guards: Guards,
        watches_reader: bool,
    ) -> Response<Self> {
        if timing.is_none()
            && guards.is_empty()
            && response.extensions().get::<IdleTimeout>().is_none()
        {
            return Self::plain(response);
        }
        let mut timing = timing.map_or_else(Timing::default, |own| *own);
        timing.body.watches_reader = watches_reader;
        Self::of(response, timing, guards)
    }

    /// Wraps a response. If a bound must hold even while the body is not read, a task watches it.
    pub(in crate::control) fn of(
        mut response: Response<R>,
        timing: Timing,
        guards: Guards,
    ) -> Response<Self> {
        let Timing { body: bounds, timer, .. } = timing;
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
        let guards = if is_over { Guards::default() } else { guards };
        let must_watch = (bounds.total.is_some() || unread.is_some()) && !is_over;
        // Without a runtime there are no timers.
        let runtime = must_watch.then(Handle::try_current).and_then(Result::ok);
        let (mut head, inner) = response.into_parts();
        let (idle, waiting_since) = (bounds.idle, None);
        let kind = match runtime {
            None => {
                Kind::Polled { body: Some(Guarded { inner, guards, idle, waiting_since, timer }) }
            }
            Some(runtime) => {
                let body = Guarded { inner, guards, idle, waiting_since, timer: Timer::default() };
                let limits = Limits { total: bounds.total, unread };
                let watched = Watched::new(body, limits, timer, &runtime);
                head.extensions.insert(watched.shared_exchange());
                Kind::Watched { watched }
            }
        };
        Response::from_parts(head, Self { kind })
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
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Polled { body } => body.as_ref().is_none_or(|body| body.inner.is_end_stream()),
            Kind::Watched { watched } => watched.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Polled { body: Some(body) } => body.inner.size_hint(),
            Kind::Polled { body: None } => SizeHint::with_exact(0),
            Kind::Watched { watched } => watched.size_hint(),
        }
    }
}

opaque_debug!(CallBody<R> where R: Body);
