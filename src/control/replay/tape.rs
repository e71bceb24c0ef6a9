//! A body that is recorded while it is read for the first time.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tower::BoxError;

use super::error::ReplayError;
use crate::TARGET;

/// What a frame takes beside its bytes.
const FRAME_OVERHEAD: usize = 64;

/// The frames of a body, as far as they have been read, and the rest of it. One reader reads at a
/// time: the one that began last.
#[derive(Debug)]
pub(crate) struct Tape<B>(Mutex<State<B>>);

#[derive(Debug)]
struct State<B> {
    /// `None` once it has ended.
    rest: Option<Pin<Box<B>>>,
    frames: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// What the frames take in memory.
    held: usize,
    limit: usize,
    /// Why it cannot be read from its beginning any more.
    lost: Option<ReplayError>,
    /// How many readers have begun.
    readers: u64,
}

/// How far one reader has come.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// Which reader it is; 0 until it has begun.
    reader: u64,
    frames: usize,
    has_ended: bool,
}

impl<B> Tape<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it can be read from its beginning.
    pub(crate) fn is_replayable(&self) -> bool {
        self.state().lost.is_none()
    }

    /// A body that is whole already.
    pub(crate) fn of(body: Bytes) -> Self {
        let frames = if body.is_empty() { Vec::new() } else { vec![body] };
        Self(Mutex::new(State {
            rest: None,
            frames,
            trailers: None,
            held: 0,
            limit: usize::MAX,
            lost: None,
            readers: 0,
        }))
    }
}

impl<B> Tape<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Keeps up to `limit` bytes.
    pub(crate) fn new(body: B, limit: usize) -> Self {
        let rest = (!body.is_end_stream()).then(|| Box::pin(body));
        Self(Mutex::new(State {
            rest,
            frames: Vec::new(),
            trailers: None,
            held: 0,
            limit,
            lost: None,
            readers: 0,
        }))
    }

    pub(crate) fn poll_frame(
        &self,
        at: &mut Position,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.state();
        if at.reader == 0 {
            state.readers += 1;
            at.reader = state.readers;
        }
        if at.has_ended {
            return Poll::Ready(None);
        }
        if at.reader != state.readers {
            at.has_ended = true;
            return Poll::Ready(Some(Err(ReplayError::Superseded.into())));
        }
        if let Some(frame) = state.frames.get(at.frames) {
            at.frames += 1;
            return Poll::Ready(Some(Ok(Frame::data(frame.clone()))));
        }
        let next = match state.poll_rest(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(next) => next,
        };
        Poll::Ready(match next {
            Some(Ok(data)) => {
                // What is too much to be kept is not counted either.
                at.frames = state.frames.len();
                Some(Ok(Frame::data(data)))
            }
            Some(Err(error)) => {
                at.has_ended = true;
                Some(Err(error))
            }
            None => {
                at.has_ended = true;
                state.trailers.clone().map(|trailers| Ok(Frame::trailers(trailers)))
            }
        })
    }

    /// Reads on to the end; gives what there is then, or `None` where it is not all there.
    pub(crate) fn poll_whole(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<Bytes>>> {
        let mut state = self.state();
        // Whoever still reads has come too late.
        state.readers += 1;
        while state.lost.is_none() {
            match ready!(state.poll_rest(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) => break,
                None => return Poll::Ready(Some(state.frames.clone())),
            }
        }
        Poll::Ready(None)
    }

    /// What is still to come, to a reader that has come so far.
    pub(crate) fn size_hint(&self, at: &Position) -> SizeHint {
        let state = self.state();
        let ahead = state.frames.iter().skip(at.frames).map(|frame| frame.len() as u64).sum();
        let mut hint = match &state.rest {
            Some(rest) => rest.size_hint(),
            None => SizeHint::with_exact(0),
        };
        if let Some(upper) = hint.upper().and_then(|upper| upper.checked_add(ahead)) {
            hint.set_upper(upper);
        }
        hint.set_lower(hint.lower().saturating_add(ahead));
        hint
    }

    pub(crate) fn is_end_stream(&self, at: &Position) -> bool {
        let state = self.state();
        at.has_ended
            || at.frames >= state.frames.len()
                && match &state.rest {
                    Some(rest) => rest.is_end_stream(),
                    None => state.trailers.is_none(),
                }
    }
}

impl<B> State<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The next data of the body itself, which is kept.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        match ready!(rest.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    self.keep(&data);
                    Poll::Ready(Some(Ok(data)))
                }
                Err(frame) => {
                    self.rest = None;
                    self.trailers = frame.into_trailers().ok();
                    Poll::Ready(None)
                }
            },
            Some(Err(error)) => {
                self.rest = None;
                self.lost = Some(ReplayError::Broken);
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                self.rest = None;
                Poll::Ready(None)
            }
        }
    }

    fn keep(&mut self, data: &Bytes) {
        if self.lost.is_some() {
            return;
        }
        self.held = self.held.saturating_add(data.len() + FRAME_OVERHEAD);
        if self.held > self.limit {
            tracing::info!(
                target: TARGET,
                limit = self.limit,
                "a request body is too large to be kept; the request will not be sent again"
            );
            self.lost = Some(ReplayError::TooLarge);
            self.frames = Vec::new();
        } else {
            self.frames.push(data.clone());
        }
    }
}
