//! Replays an entry, at once or at its recorded pace.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::entry::CacheEntry;
use super::framing::declared;
use crate::control::timer::Timer;
use crate::settings::cache::ReplayPace;

/// Replays the frames of an entry.
pub(super) struct Replaying {
    entry: CacheEntry,
    /// The number of frames sent.
    at: usize,
    /// The bytes left, if the length is declared.
    left: Option<u64>,
    has_trailers: bool,
    /// The trailers for this reader, in place of the stored ones.
    trailers: Option<Box<HeaderMap>>,
    paced: Option<Box<Paced>>,
}

struct Paced {
    began: Instant,
    timer: Timer,
}

impl Replaying {
    pub(super) fn new(entry: CacheEntry, pace: ReplayPace) -> Self {
        let parts = entry.parts();
        let is_paced = pace == ReplayPace::Recorded && !parts.times.is_empty();
        Self {
            paced: is_paced
                .then(|| Box::new(Paced { began: Instant::now(), timer: Timer::default() })),
            ..Self::behind(entry, 0, None, None)
        }
        .with_length()
    }

    fn with_length(mut self) -> Self {
        self.left = declared(&self.entry.parts().headers);
        self
    }

    /// The frames from `at` on, without pauses. `trailers` replace the stored ones.
    pub(super) fn behind(
        entry: CacheEntry,
        at: usize,
        left: Option<u64>,
        trailers: Option<Box<HeaderMap>>,
    ) -> Self {
        let has_trailers = entry.parts().trailers.is_some();
        Self { entry, at, left, has_trailers, trailers, paced: None }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let parts = self.entry.parts();
        let Some(data) = parts.frames.get(self.at) else {
            if !std::mem::replace(&mut self.has_trailers, false) {
                return Poll::Ready(None);
            }
            let own = self.trailers.take().map(|own| *own);
            return Poll::Ready(own.or_else(|| parts.trailers.clone()).map(Frame::trailers));
        };
        if let Some(paced) = &mut self.paced
            && let Some(after) = parts.times.get(self.at)
        {
            let until = paced.began.checked_add(Duration::from_millis(u64::from(*after)));
            if let Some(until) = until.filter(|until| *until > Instant::now()) {
                ready!(paced.timer.poll_until(until, cx));
            }
        }
        self.at += 1;
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        Poll::Ready(Some(Frame::data(data.clone())))
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.at >= self.entry.parts().frames.len() && !self.has_trailers
    }

    /// As the provider declared it, so that the framing stays the same.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
