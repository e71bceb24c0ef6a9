//! A body that is recorded while it is first read.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tower::BoxError;

use super::error::ReplayError;
use super::keeping::Keeping;
#[cfg(feature = "cache")]
use super::read::{Read, Rest};
use super::waiting::Waiting;
use crate::TARGET;
use crate::context::GatewayContext;
use crate::control::compactor::Compactor;
use crate::control::list::SmallList;
use crate::util::body_hint::longer;
use crate::util::budget::{FRAME_OVERHEAD, Held};

/// The frames of a body read so far, and the rest of it. Only the reader that started last may
/// read.
pub(crate) struct Recording<B>(Mutex<State<B>>);

struct State<B> {
    /// `None` once it has ended.
    rest: Option<Pin<Box<B>>>,
    waiting: Waiting,
    /// The kept frames. Most bodies are one frame.
    frames: SmallList<Bytes>,
    compactor: Compactor,
    trailers: Option<HeaderMap>,
    /// The length that has arrived, kept or not.
    come: Length,
    /// The frames' share of the memory budget; `None` if it is accounted for elsewhere.
    share: Option<Held>,
    limit: usize,
    /// Notified if the body cannot be kept.
    context: Option<GatewayContext>,
    /// Why it can no longer be read from its start.
    lost: Option<ReplayError>,
    /// How many readers have started.
    readers: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Length {
    frames: usize,
    bytes: u64,
}

impl Length {
    fn add(&mut self, data: &Bytes) {
        self.frames += 1;
        self.bytes = self.bytes.saturating_add(data.len() as u64);
    }
}

/// The position of one reader.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// The number of the reader; 0 until it has started.
    reader: u64,
    read: Length,
    has_ended: bool,
}

impl<B> Recording<B> {
    fn with(rest: Option<Pin<Box<B>>>, keeping: Keeping) -> Self {
        let Keeping { limit, share, context } = keeping;
        Self(Mutex::new(State {
            rest,
            waiting: Waiting::default(),
            frames: SmallList::default(),
            compactor: Compactor::default(),
            trailers: None,
            come: Length::default(),
            share,
            limit,
            context,
            lost: None,
            readers: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if it can be read from its start.
    pub(crate) fn is_replayable(&self) -> bool {
        self.state().lost.is_none()
    }

    /// A body whose start was read ahead.
    #[cfg(feature = "cache")]
    pub(super) fn of_read(read: Read<B>, keeping: Keeping) -> Self {
        let Read { frames, rest, held, .. } = read;
        let (rest, trailers) = match rest {
            Rest::Body(body) => (Some(body), None),
            Rest::Trailers(trailers) => (None, Some(trailers)),
            Rest::Nothing | Rest::Error(_) => (None, None),
        };
        let is_whole = rest.is_none();
        let recording = Self::with(rest, keeping);
        let mut state = recording.state();
        frames.into_iter().for_each(|data| state.keep(data));
        state.trailers = trailers;
        if is_whole {
            // The read-ahead has accounted for the frames.
            state.share = held;
        }
        drop(state);
        recording
    }

    /// A body that is already whole.
    pub(crate) fn of(body: Bytes) -> Self {
        let recording = Self::with(None, Keeping::all());
        if !body.is_empty() {
            recording.state().keep(body);
        }
        recording
    }
}

impl<B> Recording<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(body: B, keeping: Keeping) -> Self {
        Self::with((!body.is_end_stream()).then(|| Box::pin(body)), keeping)
    }

    pub(crate) fn poll_frame(
        &self,
        at: &mut Position,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if at.has_ended {
            return Poll::Ready(None);
        }
        let mut state = self.state();
        if at.reader == 0 {
            state.readers += 1;
            at.reader = state.readers;
            // Wake the previous reader, so that it fails.
            state.waiting.wake_others(cx.waker());
        }
        if at.reader != state.readers {
            return at.fail(ReplayError::Superseded);
        }
        if let Some(data) = state.frames.get(at.read.frames) {
            at.read.add(data);
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        if at.read.frames < state.come.frames {
            return at.fail(ReplayError::TooLarge);
        }
        if state.rest.is_none() && state.lost == Some(ReplayError::Broken) {
            return at.fail(ReplayError::Broken);
        }
        let next = ready!(state.poll_rest(cx));
        if let Some(Ok(data)) = next {
            at.read.add(&data);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        at.has_ended = true;
        Poll::Ready(match next {
            Some(Err(error)) => Some(Err(error)),
            _ => state.trailers.clone().map(|trailers| Ok(Frame::trailers(trailers))),
        })
    }

    /// Reads to the end and returns all frames, or `None` if not all are kept. Readers can
    /// continue.
    pub(crate) fn poll_whole(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<Bytes>>> {
        let mut state = self.state();
        while state.lost.is_none() {
            if state.rest.is_none() {
                return Poll::Ready(Some(state.frames.iter().cloned().collect()));
            }
            let _ = ready!(state.poll_rest(cx));
        }
        Poll::Ready(None)
    }

    /// How many frames have arrived.
    pub(crate) fn frames(&self) -> usize {
        self.state().come.frames
    }

    /// What is left for a reader at this position.
    pub(crate) fn size_hint(&self, at: &Position) -> SizeHint {
        if at.has_ended {
            return SizeHint::with_exact(0);
        }
        let state = self.state();
        let ahead = state.come.bytes.saturating_sub(at.read.bytes);
        let rest = state.rest.as_ref().map_or(SizeHint::with_exact(0), |rest| rest.size_hint());
        longer(&rest, (ahead, ahead))
    }

    pub(crate) fn is_end_stream(&self, at: &Position) -> bool {
        if at.has_ended {
            return true;
        }
        let state = self.state();
        at.read.frames == state.come.frames
            && match &state.rest {
                Some(rest) => rest.is_end_stream(),
                None => state.trailers.is_none() && state.lost != Some(ReplayError::Broken),
            }
    }
}

impl Position {
    fn fail<T>(&mut self, error: ReplayError) -> Poll<Option<Result<T, BoxError>>> {
        self.has_ended = true;
        Poll::Ready(Some(Err(error.into())))
    }
}

impl<B> State<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Reads and keeps the next data of the body.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let frame = ready!(self.waiting.poll(cx, |cx| rest.as_mut().poll_frame(cx)));
        let is_last = rest.is_end_stream();
        let next = match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    self.keep(data.clone());
                    if is_last {
                        self.rest = None;
                    }
                    return Poll::Ready(Some(Ok(data)));
                }
                Err(frame) => {
                    self.trailers = frame.into_trailers().ok();
                    None
                }
            },
            Some(Err(error)) => {
                self.lost = Some(ReplayError::Broken);
                Some(Err(error.into()))
            }
            None => None,
        };
        self.rest = None;
        Poll::Ready(next)
    }
}

impl<B> State<B> {
    fn keep(&mut self, mut data: Bytes) {
        self.come.add(&data);
        if self.lost.is_some() {
            return;
        }
        if let Some(share) = &mut self.share {
            let more = self.compactor.cost(&data).saturating_add(FRAME_OVERHEAD);
            let is_too_large = share.bytes().saturating_add(more) > self.limit;
            if is_too_large || !share.grow(more) {
                share.release();
                return self.lose(is_too_large);
            }
            data = self.compactor.compact(data);
        }
        self.frames.push(data);
    }

    fn lose(&mut self, is_too_large: bool) {
        match is_too_large {
            true => tracing::info!(
                target: TARGET,
                limit = self.limit,
                "a request body is too large to keep, so the request cannot be retried"
            ),
            false => tracing::warn!(
                target: TARGET,
                "the memory for request bodies is used up, so this request cannot be retried"
            ),
        }
        if let Some(context) = &self.context {
            context.give_up_retries();
        }
        self.lost = Some(ReplayError::TooLarge);
        self.frames = SmallList::default();
        self.compactor = Compactor::default();
    }
}
