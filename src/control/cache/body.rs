//! The response body of a request that uses the cache.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tower::BoxError;

use super::entry::CacheEntry;
use super::flight::{Member, Next};
use super::recording::{Piece, Source};
use super::replaying::Replaying;
use crate::control::timer::Timer;
use crate::settings::cache::ReplayPace;

/// The body from an entry, from a shared call, or from a call that is not shared.
pub(in crate::control) struct CacheBody(Kind);

enum Kind {
    Replaying(Replaying),
    Reading {
        member: Member,
        /// The number of frames read.
        at: usize,
        /// The bytes left, if the length is declared.
        left: Option<u64>,
        /// Bounds the wait for slower readers.
        timer: Timer,
    },
    Own(Source),
    Ended,
}

impl CacheBody {
    pub(in crate::control) fn replaying(entry: CacheEntry, pace: ReplayPace) -> Self {
        Self(Kind::Replaying(Replaying::new(entry, pace)))
    }

    /// `length`: the declared length.
    pub(in crate::control) fn reading(member: Member, length: Option<u64>) -> Self {
        if member.is_empty() {
            return Self(Kind::Ended);
        }
        Self(Kind::Reading { member, at: 0, left: length, timer: Timer::default() })
    }

    pub(in crate::control) fn own(source: Source) -> Self {
        Self(Kind::Own(source))
    }
}

impl Body for CacheBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let (member, at, left, timer) = match &mut self.0 {
                Kind::Replaying(replaying) => {
                    return replaying.poll_frame(cx).map(|frame| frame.map(Ok));
                }
                Kind::Own(source) => return source.as_mut().poll_frame(cx),
                Kind::Ended => return Poll::Ready(None),
                Kind::Reading { member, at, left, timer } => (member, at, left, timer),
            };
            match ready!(member.poll_next(*at, cx)) {
                Next::Stored { entry, trailers } => {
                    self.0 = Kind::Replaying(Replaying::behind(entry, *at, *left, trailers));
                }
                Next::Waits { until } => ready!(timer.poll_until(until, cx)),
                Next::Piece { piece: Piece::Data(data), is_last } => {
                    *at += 1;
                    *left = left.map(|left| left.saturating_sub(data.len() as u64));
                    if is_last {
                        self.0 = Kind::Ended;
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Next::Piece { piece, .. } => {
                    self.0 = Kind::Ended;
                    return Poll::Ready(match piece {
                        Piece::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
                        Piece::Error(error) => Some(Err(error)),
                        Piece::Data(_) | Piece::End => None,
                    });
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Replaying(replaying) => replaying.is_end_stream(),
            Kind::Own(source) => source.is_end_stream(),
            Kind::Reading { member, at, .. } => member.is_over(*at),
            Kind::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Replaying(replaying) => replaying.size_hint(),
            Kind::Own(source) => source.size_hint(),
            Kind::Reading { left, .. } => left.map_or_else(SizeHint::default, SizeHint::with_exact),
            Kind::Ended => SizeHint::with_exact(0),
        }
    }
}
