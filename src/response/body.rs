//! The response body for the client: the provider's frames, and one end event.

mod error;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower::BoxError;

use self::error::{ModelForbidden, ResponseAborted};
use crate::exchange::request_state::RequestState;
use crate::exchange::{Exchange, ExchangeHandle, SharedExchange};
use crate::hook::{Failure, Outcome};
use crate::provider::headers;
use crate::response::failure;
use crate::response::hide_usage::Hiding;
use crate::util::body_hint::is_over;
use crate::util::opaque::opaque_debug;

pin_project! {
    /// A response body that passes each frame on at once and records how it ends.
    ///
    /// Dropping it drops the upstream body, which tells the provider to stop. Its error is boxed
    /// because it may be the gateway's own.
    pub struct ResponseBody<B> {
        #[pin]
        source: Source<B>,
        guard: Guard,
    }
}

pin_project! {
    #[project = SourceProjection]
    enum Source<B> {
        Upstream { #[pin] body: B },
        Local { #[pin] body: Full<Bytes> },
    }
}

/// What to do with a response's trailers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trailers {
    /// The client did not ask for them.
    #[default]
    Dropped,
    /// Passed on without forbidden fields.
    Stripped,
    /// Passed on unchanged: the response is not the gateway's.
    Untouched,
}

/// What connects the body with its exchange.
#[derive(Debug, Default)]
struct Guard {
    exchange: Exchange,
    /// Holds the exchange between polls, if it can end then.
    handle: Option<ExchangeHandle>,
    trailers: Trailers,
    /// The provider has answered from a forbidden model: nothing more passes.
    is_cut: bool,
    /// Set if the rest of the request body can still refuse the request.
    request: Option<Arc<RequestState>>,
    /// Set if the usage that the gateway asked for must be hidden from the client.
    hiding: Option<Box<Hiding>>,
}

impl<B> ResponseBody<B> {
    /// A response to a request that is not for the gateway.
    pub(crate) fn passed(body: B) -> Self {
        let guard = Guard { trailers: Trailers::Untouched, ..Guard::default() };
        Self { source: Source::Upstream { body }, guard }
    }

    /// The gateway's own response, whose exchange has ended.
    pub(crate) fn local(body: Bytes) -> Self {
        Self { source: Source::Local { body: Full::new(body) }, guard: Guard::default() }
    }
}

impl<B: Body> ResponseBody<B> {
    /// The body of a provider's response. `shared_exchange` is set if a timer may end it between
    /// polls.
    pub(crate) fn relayed(
        body: B,
        exchange: Exchange,
        trailers: Trailers,
        request: Option<Arc<RequestState>>,
        hiding: Option<Hiding>,
        shared_exchange: Option<Arc<SharedExchange>>,
    ) -> Self {
        let hiding = hiding.map(Box::new);
        let handle = shared_exchange.map(ExchangeHandle);
        let mut guard = Guard { exchange, handle, trailers, is_cut: false, request, hiding };
        guard.put_back();
        Self { source: Source::Upstream { body }, guard }
    }
}

impl Guard {
    /// Called at the end of a poll.
    #[inline]
    fn put_back(&mut self) {
        if let Some(handle) = &self.handle {
            match self.exchange.is_observed() {
                true => handle.put_back(std::mem::take(&mut self.exchange)),
                false => self.handle = None,
            }
        }
    }

    fn is_ended(&self) -> bool {
        self.handle.is_none() && !self.exchange.is_observed()
    }

    /// Like [`poll_frame`](Self::poll_frame), if the exchange may end between polls. Not inlined:
    /// few may.
    #[inline(never)]
    fn poll_shared<B: Body<Data = Bytes, Error: Into<BoxError>>>(
        &mut self,
        body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(handle) = &self.handle {
            self.exchange = handle.take();
        }
        let polled = self.poll_frame(body, cx);
        self.put_back();
        polled
    }

    /// The next frame of the provider's body for the client.
    #[inline(always)]
    fn poll_frame<B: Body<Data = Bytes, Error: Into<BoxError>>>(
        &mut self,
        body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.request.as_ref().is_some_and(|request| request.late_refusal(cx).is_some()) {
            self.exchange.broken(Failure::RequestBody);
            return Poll::Ready(Some(Err(Box::new(ResponseAborted))));
        }
        if self.hiding.is_some() {
            return self.poll_hiding(body, cx);
        }
        let frame = ready!(self.poll_upstream(body, cx, true));
        match &frame {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => self.exchange.relayed(data.len()),
                None => self.exchange.body_ended(),
            },
            Some(Err(_)) => {}
            None => self.exchange.body_ended(),
        }
        Poll::Ready(frame)
    }

    /// The next frame of the provider's body. If that fails, or it is the last and `ends_with_it`, it
    /// ends the exchange; the caller reports any other end.
    // Inlined: it runs for each frame, from both ways of polling, and a call costs 20 instructions.
    #[inline(always)]
    fn poll_upstream<B: Body<Data = Bytes, Error: Into<BoxError>>>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
        ends_with_it: bool,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = {
            let _entered = self.exchange.enter();
            ready!(body.as_mut().poll_frame(cx))
        };
        let mut frame = match frame {
            None => return Poll::Ready(None),
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                let error = error.into();
                self.exchange.broken(failure::of_body(&*error));
                return Poll::Ready(Some(Err(error)));
            }
        };
        if let Some(data) = frame.data_ref() {
            // A server stops at the declared length, and may never poll for the end.
            let is_last = ends_with_it
                && self.exchange.is_observed()
                && (is_over(&*body) || self.exchange.reaches_declared_end(data.len()));
            let passes = match is_last {
                true => self.exchange.last_data(data),
                false => self.exchange.data(data),
            };
            if !passes {
                self.is_cut = true;
                self.exchange.broken(Failure::ModelNotAllowed);
                return Poll::Ready(Some(Err(Box::new(ModelForbidden))));
            }
        } else if let Some(trailers) = frame.trailers_mut() {
            match self.trailers {
                Trailers::Dropped => return Poll::Ready(None),
                Trailers::Stripped => headers::strip_trailers(trailers),
                Trailers::Untouched => {}
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    /// Like [`poll_frame`](Self::poll_frame), without the usage that the gateway asked for.
    #[inline(never)]
    fn poll_hiding<B: Body<Data = Bytes, Error: Into<BoxError>>>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while let Some(hiding) = &mut self.hiding {
            if let Some(frame) = hiding.ahead() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if hiding.has_ended() {
                break;
            }
            let frame = match ready!(self.poll_upstream(body.as_mut(), cx, false)) {
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => Some(frame),
                None => None,
            };
            let Some(hiding) = &mut self.hiding else { break };
            match frame.map(Frame::into_data) {
                // Without a known length the client polls for the end.
                Some(Ok(data)) => self.exchange.relayed(hiding.data(&data)),
                last => {
                    let trailers = last.and_then(|frame| frame.err()?.into_trailers().ok());
                    self.exchange.relayed(hiding.end(trailers));
                    self.exchange.end(Outcome::Complete);
                }
            }
        }
        Poll::Ready(None)
    }
}

impl<B> Body for ResponseBody<B>
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
        let this = self.project();
        let guard = this.guard;
        let body = match this.source.project() {
            SourceProjection::Upstream { body } => body,
            SourceProjection::Local { body } => {
                return body.poll_frame(cx).map_err(|never| match never {});
            }
        };
        if guard.is_cut {
            return Poll::Ready(None);
        }
        match guard.handle {
            None => guard.poll_frame(body, cx),
            Some(_) => guard.poll_shared(body, cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            // A peer drops the body after `true`, which must not count as a cancellation.
            Source::Upstream { body } => {
                self.guard.is_ended()
                    && self.guard.hiding.as_ref().is_none_or(|hiding| hiding.is_empty())
                    && body.is_end_stream()
            }
            Source::Local { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Upstream { .. } if self.guard.hiding.is_some() => SizeHint::default(),
            Source::Upstream { body } => body.size_hint(),
            Source::Local { body } => body.size_hint(),
        }
    }
}

opaque_debug!(ResponseBody<B>);
