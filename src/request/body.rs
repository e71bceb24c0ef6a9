//! The request body that the upstream stack receives.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::watch::Watcher;
use crate::context::GatewayContext;
use crate::provider::headers;
use crate::util::body_hint::is_over;
use crate::util::body_hint::longer;
use crate::util::budget::{FRAME_OVERHEAD, Held};
use crate::util::opaque::opaque_debug;
use crate::util::sources::is_over_limit;

pin_project! {
    /// The client's request body on its way to a provider: the client's own frames, edited only to
    /// rename the model or to ask for usage.
    ///
    /// It is passed on as it is, watched as it passes, or was read up to its `model` and continues
    /// from there. Its error is boxed because it may be the gateway's own.
    pub struct RequestBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Untouched { #[pin] body: B },
        Passed { #[pin] body: B, context: GatewayContext },
        Watched { #[pin] body: B, watcher: Box<Watcher> },
        Peeked { peeked: Box<Peeked<B>> },
        // The share is boxed, so that the other kinds stay small.
        Whole { #[pin] body: Full<Bytes>, share: Option<Box<Held>> },
    }
}

/// Frames that were read before anything was sent, then the rest.
struct Peeked<B> {
    frames: VecDeque<Bytes>,
    /// Their share of the budget, until they are passed on.
    share: Held,
    /// `None` once it has ended: a body must not be polled after its end.
    rest: Option<Pin<Box<B>>>,
    /// Trailers that were read ahead; then there is no rest.
    trailers: Option<Box<HeaderMap>>,
    watcher: Watcher,
    is_refused: bool,
}

/// The rest of a model-routed body contradicts its start.
#[derive(Debug)]
struct RequestRefused;

impl fmt::Display for RequestRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the gateway refused the rest of the request body")
    }
}

impl Error for RequestRefused {}

impl<B> RequestBody<B> {
    /// A body that is passed on as it is.
    pub fn new(body: B) -> Self {
        Self { kind: Kind::Untouched { body } }
    }

    /// A body whose trailers are filtered.
    pub(crate) fn passed(body: B, context: GatewayContext) -> Self {
        Self { kind: Kind::Passed { body, context } }
    }

    pub(crate) fn watched(body: B, watcher: Box<Watcher>) -> Self {
        Self { kind: Kind::Watched { body, watcher } }
    }

    /// A body that is complete. `share`: its part of the budget until it is sent, unless something else
    /// holds that.
    pub(crate) fn whole(body: Bytes, share: Option<Held>) -> Self {
        Self { kind: Kind::Whole { body: Full::new(body), share: share.map(Box::new) } }
    }

    pub(crate) fn peeked(
        frames: VecDeque<Bytes>,
        share: Held,
        rest: Option<Pin<Box<B>>>,
        trailers: Option<Box<HeaderMap>>,
        watcher: Watcher,
    ) -> Self {
        let peeked = Peeked { frames, share, rest, trailers, watcher, is_refused: false };
        Self { kind: Kind::Peeked { peeked: Box::new(peeked) } }
    }
}

opaque_debug!(RequestBody<B>);

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (mut frame, context) = match self.project().kind.project() {
            KindProjection::Untouched { body } => {
                return body.poll_frame(cx).map_err(Into::into);
            }
            KindProjection::Whole { body, share } => {
                *share = None;
                return body.poll_frame(cx).map_err(|never| match never {});
            }
            KindProjection::Passed { body, context } => {
                (ready!(body.poll_frame(cx)), Some(&*context))
            }
            KindProjection::Watched { body, watcher } => {
                if let Some(frame) = watcher.ahead() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                if watcher.has_ended() {
                    return Poll::Ready(None);
                }
                let frame = ready!(body.poll_frame(cx));
                if let Some(Ok(frame)) = &frame
                    && let Some(data) = frame.data_ref()
                {
                    watcher.see(data);
                }
                let frame = spliced(watcher, frame);
                (frame, watcher.context())
            }
            KindProjection::Peeked { peeked } => {
                if let Some(frame) = peeked.watcher.ahead() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                if let Some(data) = peeked.frames.pop_front() {
                    match peeked.frames.is_empty() {
                        true => peeked.share.release(),
                        false => peeked.share.shrink(data.len() + FRAME_OVERHEAD),
                    }
                    let data = peeked.watcher.spliced(data);
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                if peeked.is_refused || peeked.watcher.has_ended() {
                    return Poll::Ready(None);
                }
                let frame = match &mut peeked.rest {
                    Some(rest) => ready!(rest.as_mut().poll_frame(cx)),
                    None => peeked.trailers.take().map(|trailers| Ok(Frame::trailers(*trailers))),
                };
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                let is_last =
                    frame.is_none() || peeked.rest.as_ref().is_none_or(|rest| is_over(&**rest));
                if peeked.watcher.check(data.map_or(&[], |data| data), is_last).is_err() {
                    peeked.is_refused = true;
                    return Poll::Ready(Some(Err(Box::new(RequestRefused))));
                }
                let frame = spliced(&mut peeked.watcher, frame);
                (frame, peeked.watcher.context())
            }
        };
        if let Some(Ok(frame)) = &mut frame {
            strip(frame);
        }
        Poll::Ready(
            frame.map(|frame| frame.map_err(|error| with_limit_reported(error.into(), context))),
        )
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Untouched { body } | Kind::Passed { body, .. } => body.is_end_stream(),
            Kind::Whole { body, .. } => body.is_end_stream(),
            Kind::Watched { body, watcher } => added(watcher).0 == 0 && body.is_end_stream(),
            // A body cut short must be polled to its end, because the poll reports it.
            Kind::Peeked { peeked } => {
                peeked.frames.is_empty()
                    && peeked.trailers.is_none()
                    && peeked.watcher.has_all()
                    && added(&peeked.watcher).0 == 0
                    && peeked.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Untouched { body } | Kind::Passed { body, .. } => body.size_hint(),
            Kind::Whole { body, .. } => body.size_hint(),
            Kind::Watched { body, watcher } => longer(&body.size_hint(), added(watcher)),
            Kind::Peeked { peeked } => {
                let ahead: u64 = peeked.frames.iter().map(|frame| frame.len() as u64).sum();
                let (least, most) = added(&peeked.watcher);
                let rest = peeked.rest.as_ref().map(|rest| rest.size_hint());
                let rest = rest.unwrap_or_else(|| match peeked.trailers {
                    None => SizeHint::with_exact(0),
                    // A body of known length is sent without its trailers.
                    Some(_) => SizeHint::default(),
                });
                longer(&rest, (least + ahead, most + ahead))
            }
        }
    }
}

/// Passes on an error of the client's body. Reports it to the exchange if a size limit caused it.
#[cold]
fn with_limit_reported(error: BoxError, context: Option<&GatewayContext>) -> BoxError {
    if let Some(context) = context.filter(|_| is_over_limit(&*error)) {
        context.set_over_limit();
    }
    error
}

/// Removes fields that must not be in trailers.
fn strip<D>(frame: &mut Frame<D>) {
    if let Some(trailers) = frame.trailers_mut() {
        headers::strip_trailers(trailers);
    }
}

/// A frame of the client's, with what the gateway adds.
#[inline]
fn spliced<E>(
    watcher: &mut Watcher,
    frame: Option<Result<Frame<Bytes>, E>>,
) -> Option<Result<Frame<Bytes>, E>> {
    if watcher.splice().is_none() {
        return frame;
    }
    match frame {
        Some(Ok(mut frame)) => {
            // Here too: trailers may be sent later, after the added bytes.
            strip(&mut frame);
            match frame.into_data() {
                Ok(data) => Some(Ok(Frame::data(watcher.spliced(data)))),
                Err(frame) => watcher.end(frame.into_trailers().ok()).map(Ok),
            }
        }
        Some(Err(error)) => Some(Err(error)),
        None => watcher.end(None).map(Ok),
    }
}

/// How many bytes the gateway will add, at least and at most.
fn added(watcher: &Watcher) -> (u64, u64) {
    watcher.splice().map_or((0, 0), |splice| (splice.left(), splice.most()))
}

#[cfg(test)]
mod tests;
