//! An answer that several requests read while it arrives.

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

/// The frames of an answer, as far as they have come, and the rest of it.
///
/// All frames are held as long as it may be stored. Once it is known not to be, those are let go that
/// everybody has read, and a reader that falls behind what may be held is broken off.
pub(in crate::control) struct Recording {
    pub(super) head: Head,
    /// `None` once it has ended.
    source: Option<Source>,
    frames: Frames,
    /// What has come, in bytes…
    bytes: u64,
    /// … of so many, where that was declared …
    length: Option<u64>,
    /// … and how many are stored at most.
    most: u64,
    trailers: Option<Box<HeaderMap>>,
    end: Option<End>,
    storing: Option<Box<Storing>>,
    /// There to its end, stored or not.
    pub(super) metered: Option<Metered>,
    /// Whether all frames are held.
    is_growing: bool,
}

enum End {
    Clean,
    Broken(SharedError),
}

/// What one reader gets.
pub(super) enum Given {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    Error(BoxError),
}

impl Recording {
    /// `beside`: who stores it, and what reads its usage; `None` where another process does.
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

    /// Looks whether it has ended with its head.
    pub(super) fn begin(&mut self, after: &mut After) {
        if self.source.as_ref().is_some_and(|source| source.is_end_stream()) {
            self.ended(after);
        }
    }

    /// Whether somebody who comes now gets all of it.
    pub(super) fn is_open(&self) -> bool {
        self.is_growing && self.end.is_none()
    }

    /// Whether more of it comes, of which other processes are told.
    pub(super) fn is_told(&self) -> bool {
        self.end.is_none() && self.storing.as_ref().is_some_and(|storing| storing.is_told())
    }

    /// Whether more of it comes, which other processes read.
    pub(super) fn is_followed(&self) -> bool {
        self.end.is_none() && self.storing.as_ref().is_some_and(|storing| storing.is_followed())
    }

    /// Whether all frames that have come are held.
    pub(super) fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// What there is for a reader that has read so many frames; `None` if more must come first.
    /// `asks`: it has asked for the answer, so that all of the trailers are for it.
    pub(super) fn get(&self, at: usize, asks: bool) -> Option<Given> {
        if self.frames.is_gone(at) {
            return Some(Given::Error(FlightError::Slow.into()));
        }
        if let Some(data) = self.frames.get(at) {
            return Some(Given::Data(data.clone()));
        }
        Some(match (self.end.as_ref()?, &self.trailers) {
            (End::Broken(error), _) => Given::Error(error.clone().into()),
            (End::Clean, Some(trailers)) if at == self.frames.count() => {
                Given::Trailers(if asks { (**trailers).clone() } else { kept(trailers) })
            }
            (End::Clean, _) => Given::End,
        })
    }

    /// How many frames have come.
    pub(super) fn count(&self) -> usize {
        self.frames.count()
    }

    /// Whether a frame behind so many is held.
    pub(super) fn has(&self, at: usize) -> bool {
        at < self.frames.count()
    }

    /// Whether nothing is left for a reader that has read so many frames.
    pub(super) fn is_over(&self, at: usize) -> bool {
        let is_clean = matches!(self.end, Some(End::Clean)) && self.trailers.is_none();
        is_clean && at == self.frames.count()
    }

    /// Reads on, as [`poll_source`](Self::poll_source). It is broken where that panics.
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
                        // Nobody may ever ask for the end behind the declared length.
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
                self.lose(NotStored::Error, after);
            }
        }
        if self.bytes > self.most && self.is_growing {
            self.lose(NotStored::TooLarge, after);
        }
        if !self.frames.push(data) {
            self.lose(NotStored::NoMemory, after);
        }
    }

    /// It is not stored.
    fn lose(&mut self, why: NotStored, after: &mut After) {
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

    /// It has broken off.
    pub(super) fn broken(&mut self, error: BoxError, after: &mut After) {
        self.end = Some(End::Broken(SharedError(error.into())));
        self.lose(NotStored::Broken, after);
        after.source = self.source.take();
    }

    /// It has ended as its framing says.
    pub(super) fn ended(&mut self, after: &mut After) {
        self.end = Some(End::Clean);
        after.is_closed = true;
        after.source = self.source.take();
        if self.length.is_some_and(|length| length != self.bytes) {
            return self.lose(NotStored::Incomplete, after);
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
                self.lose(why, after);
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

    /// Nobody is left who reads it.
    pub(super) fn abandoned(&mut self, after: &mut After) {
        if self.end.is_none() {
            self.lose(NotStored::Abandoned, after);
        }
    }

    /// Lets go what everybody has read who takes part, and what is more than may be held. `slowest`: how many
    /// frames the slowest reader has read. `held_from`: none behind so many is let go for want of memory.
    pub(super) fn release(&mut self, slowest: usize, held_from: Option<usize>) {
        if !self.is_growing {
            self.frames.release(slowest, held_from);
        }
    }

    /// Whether more is held than may be, of an answer that is not kept.
    pub(super) fn is_full(&self) -> bool {
        !self.is_growing && self.frames.is_full()
    }
}
