//! A response that several requests read while it arrives.

mod after;
mod error;
mod frames;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use tower::BoxError;

pub(super) use self::after::{After, Stored, discard};
pub(in crate::control) use self::error::FlightError;
use self::error::SharedError;
use self::frames::Frames;
use super::counts::NotStored;
use super::framing::declared;
use super::kept::kept;
use super::metered::Metered;
use super::storing::{Head, Storing, Whole};
use crate::util::budget::Held;
use crate::util::unwind;

/// A body of whatever type.
pub(in crate::control) type Source = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The frames of a response that have come, and the source of the rest.
///
/// It holds all frames while the response may be stored. After that it drops frames that all readers have
/// read, and cuts off readers that fall behind what memory allows.
pub(in crate::control) struct Recording {
    pub(super) head: Head,
    /// `None` once it has ended.
    source: Option<Source>,
    frames: Frames,
    /// The bytes that have come.
    bytes: u64,
    /// The declared length.
    length: Option<u64>,
    /// The maximum length of a stored response.
    most: u64,
    trailers: Option<Box<HeaderMap>>,
    end: Option<End>,
    storing: Option<Box<Storing>>,
    /// Kept to the end of the response, stored or not.
    pub(super) metered: Option<Metered>,
    /// Whether it holds all frames.
    is_growing: bool,
}

enum End {
    Clean,
    Broken(SharedError),
}

/// What a reader gets next.
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    Error(BoxError),
}

impl Recording {
    /// `beside`: what stores the response and meters it; `None` if another process does that.
    pub(super) fn new(
        head: Head,
        source: Source,
        beside: Option<(Box<Storing>, Metered)>,
        held: Held,
        most: u64,
    ) -> Self {
        let (storing, metered) = beside.unzip();
        Self {
            length: declared(&head.headers),
            head,
            source: Some(source),
            frames: Frames::new(held, most),
            bytes: 0,
            most,
            trailers: None,
            end: None,
            storing,
            metered,
            is_growing: true,
        }
    }

    /// Ends it if the response has no body.
    pub(super) fn begin(&mut self, after: &mut After) {
        if self.source.as_ref().is_some_and(|source| source.is_end_stream()) {
            self.ended(after);
        }
    }

    /// Whether a new reader gets all of it.
    pub(super) fn is_open(&self) -> bool {
        self.is_growing && self.end.is_none()
    }

    /// Whether more of it comes and is broadcast to other processes.
    pub(super) fn is_broadcast(&self) -> bool {
        self.end.is_none() && self.storing.as_ref().is_some_and(|storing| storing.is_broadcast())
    }

    /// Whether more of it comes and other processes read it.
    pub(super) fn is_followed(&self) -> bool {
        self.end.is_none() && self.storing.as_ref().is_some_and(|storing| storing.is_followed())
    }

    /// Whether it holds all frames that have come.
    pub(super) fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// The next piece for a reader that has read `at` frames; `None` if more must come first. `leads`: the
    /// reader leads, and gets the trailers unfiltered.
    pub(super) fn get(&self, at: usize, leads: bool) -> Option<Piece> {
        if self.frames.is_gone(at) {
            return Some(Piece::Error(FlightError::Slow.into()));
        }
        if let Some(data) = self.frames.get(at) {
            return Some(Piece::Data(data.clone()));
        }
        Some(match (self.end.as_ref()?, &self.trailers) {
            (End::Broken(error), _) => Piece::Error(error.clone().into()),
            (End::Clean, Some(trailers)) if at == self.frames.count() => {
                Piece::Trailers(if leads { (**trailers).clone() } else { kept(trailers) })
            }
            (End::Clean, _) => Piece::End,
        })
    }

    /// The number of frames that have come.
    pub(super) fn count(&self) -> usize {
        self.frames.count()
    }

    /// Whether the frame at this position has come.
    pub(super) fn has(&self, at: usize) -> bool {
        at < self.frames.count()
    }

    /// Whether nothing is left for a reader that has read `at` frames.
    pub(super) fn is_over(&self, at: usize) -> bool {
        let is_clean = matches!(self.end, Some(End::Clean)) && self.trailers.is_none();
        is_clean && at == self.frames.count()
    }

    /// Like [`poll_source`](Self::poll_source). A panic breaks the response off.
    pub(super) fn poll_guarded(&mut self, cx: &mut Context<'_>, after: &mut After) -> Poll<()> {
        let polled = unwind::call(|| self.poll_source(cx, after));
        polled.unwrap_or_else(|_| {
            self.broken(FlightError::Panicked.into(), after);
            Poll::Ready(())
        })
    }

    /// Reads on. Ready when a frame or the end has come.
    pub(super) fn poll_source(&mut self, cx: &mut Context<'_>, after: &mut After) -> Poll<()> {
        let Some(source) = &mut self.source else { return Poll::Ready(()) };
        if source.is_end_stream() {
            self.ended(after);
            return Poll::Ready(());
        }
        match ready!(source.as_mut().poll_frame(cx)) {
            None => self.ended(after),
            Some(Err(error)) => self.broken(error, after),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let is_over = source.is_end_stream();
                    let is_empty = data.is_empty();
                    self.push(data, after);
                    if is_over {
                        self.ended(after);
                    } else if self.has_length() && !is_empty {
                        // Readers may never poll for the end after the declared length.
                        let _ = self.poll_source(cx, after);
                    }
                }
                Err(frame) => {
                    self.trailers = frame.into_trailers().ok().map(Box::new);
                    self.ended(after);
                }
            },
        }
        Poll::Ready(())
    }

    /// Whether all of the declared length has come.
    pub(super) fn has_length(&self) -> bool {
        self.length == Some(self.bytes)
    }

    fn push(&mut self, data: Bytes, after: &mut After) {
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        if let Some(metered) = &mut self.metered {
            metered.push(&data);
        }
        if let Some(storing) = &mut self.storing {
            storing.push(&data);
            if self.metered.as_ref().is_some_and(Metered::has_failed) {
                self.stop_storing(NotStored::Error, after);
            }
        }
        if self.bytes > self.most && self.is_growing {
            self.stop_storing(NotStored::TooLarge, after);
        }
        if !self.frames.push(data) {
            self.stop_storing(NotStored::NoMemory, after);
        }
    }

    /// The response will not be stored.
    fn stop_storing(&mut self, why: NotStored, after: &mut After) {
        self.is_growing = false;
        after.is_closed = true;
        if let Some(storing) = self.storing.take() {
            after.storing = Some(storing);
            after.not_stored = Some(why);
        }
        if self.end.is_some() {
            after.metered = self.metered.take();
        }
    }

    /// The response has broken off.
    pub(super) fn broken(&mut self, error: BoxError, after: &mut After) {
        self.end = Some(End::Broken(SharedError(error.into())));
        self.stop_storing(NotStored::Broken, after);
        after.source = self.source.take();
    }

    /// The response has ended as its framing says.
    pub(super) fn ended(&mut self, after: &mut After) {
        self.end = Some(End::Clean);
        after.is_closed = true;
        after.source = self.source.take();
        if self.length.is_some_and(|length| length != self.bytes) {
            return self.stop_storing(NotStored::Incomplete, after);
        }
        let Some(mut metered) = self.metered.take() else { return };
        metered.finish();
        let trailers = self.trailers.as_deref().map(kept);
        if let (Some(storing), Some(trailers)) = (&mut self.storing, &trailers) {
            storing.trailers(trailers);
        }
        match self.storing.as_mut().map(|storing| (storing.look(&metered), storing)) {
            None => {}
            Some((Err(why), storing)) => {
                storing.is_whole = true;
                self.stop_storing(why, after);
            }
            Some((Ok(()), storing)) => {
                let (frames, held) = self.frames.take();
                let whole = Whole {
                    status: self.head.status,
                    headers: std::mem::take(&mut self.head.headers),
                    frames,
                    trailers,
                };
                let entry = storing.entry(whole, held);
                let storing = self.storing.take();
                after.stored = storing.map(|storing| Stored {
                    storing,
                    entry,
                    trailers: self.trailers.take(),
                });
            }
        }
        after.metered = Some(metered);
    }

    /// No reader is left.
    pub(super) fn abandoned(&mut self, after: &mut After) {
        if self.end.is_none() {
            self.stop_storing(NotStored::Abandoned, after);
        }
    }

    /// Drops the frames that all readers have read, and unread ones while memory is short. `slowest`: the
    /// number of frames that the slowest reader has read. `held_from`: unread frames from here on stay.
    pub(super) fn release(&mut self, slowest: usize, held_from: Option<usize>) {
        if !self.is_growing {
            self.frames.release(slowest, held_from);
        }
    }

    /// Whether a response that is not stored takes more memory than it may.
    pub(super) fn is_full(&self) -> bool {
        !self.is_growing && self.frames.is_full()
    }
}
