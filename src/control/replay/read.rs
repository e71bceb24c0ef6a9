//! A request body whose start was read before it is sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tower::BoxError;

use crate::control::list::SmallList;
use crate::util::body_hint::longer;
use crate::util::budget::Held;

/// The frames that were read of a body, then the rest of it.
pub(in crate::control) struct Read<B> {
    /// Most bodies are one frame.
    pub(in crate::control) frames: SmallList<Bytes>,
    pub(in crate::control) bytes: u64,
    pub(in crate::control) rest: Rest<B>,
    /// The frames' share of the memory budget.
    pub(in crate::control) held: Option<Held>,
    /// The number of frames that were handed out.
    at: usize,
    /// The number of bytes that were handed out.
    handed_out: u64,
}

/// The rest of a body after the frames that were read.
pub(in crate::control) enum Rest<B> {
    Nothing,
    Trailers(HeaderMap),
    Body(Pin<Box<B>>),
    Error(BoxError),
}

impl<B> Read<B> {
    /// A body of which nothing was read.
    pub(in crate::control) fn unread(body: B) -> Self {
        let rest = Rest::Body(Box::pin(body));
        Self { frames: SmallList::default(), bytes: 0, rest, held: None, at: 0, handed_out: 0 }
    }
}

impl<B> Read<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(data) = self.frames.get(self.at) {
            self.at += 1;
            self.handed_out += data.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        if let Rest::Body(body) = &mut self.rest {
            return body.as_mut().poll_frame(cx).map_err(Into::into);
        }
        Poll::Ready(match std::mem::replace(&mut self.rest, Rest::Nothing) {
            Rest::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
            Rest::Error(error) => Some(Err(error)),
            Rest::Body(_) | Rest::Nothing => None,
        })
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.frames.get(self.at).is_none()
            && match &self.rest {
                Rest::Nothing => true,
                Rest::Trailers(_) | Rest::Error(_) => false,
                Rest::Body(body) => body.is_end_stream(),
            }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let ahead = self.bytes.saturating_sub(self.handed_out);
        let rest = match &self.rest {
            Rest::Nothing | Rest::Trailers(_) => SizeHint::with_exact(0),
            Rest::Body(body) => body.size_hint(),
            // A reader that trusts an exact length would stop before the error.
            Rest::Error(_) => SizeHint::default(),
        };
        longer(&rest, (ahead, ahead))
    }
}
