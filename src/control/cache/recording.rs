//! An answer that several read while it comes.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use tower::BoxError;

use super::counts::{Counts, NotStored};
use super::entry::CacheEntry;
use super::storing::{Head, Storing, Whole, declared};
use crate::util::budget::{FRAME_OVERHEAD, Held};
use crate::util::unwind;

/// A body of whatever type.
pub(in crate::control) type Source = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// How much of an answer that is not kept is held for its slower readers though no memory is left.
const LOOSE: usize = 64 * 1024;

/// The frames of an answer, as far as they have come, and the rest of it.
///
/// All frames are held as long as it may be stored. Once it is known not to be, those are let go that
/// everybody has read, and a reader that falls behind what may be held is broken off.
pub(in crate::control) struct Recording {
    pub(super) head: Head,
    /// `None` once it has ended.
    source: Option<Source>,
    frames: VecDeque<Bytes>,
    /// How many frames were let go.
    first: usize,
    /// What has come, in bytes…
    bytes: u64,
    /// … of so many, where that was declared.
    length: Option<u64>,
    trailers: Option<HeaderMap>,
    end: Option<End>,
    storing: Option<Box<Storing>>,
    /// Whether all frames are held.
    is_growing: bool,
    /// What the frames take of the memory for bodies…
    held: Held,
    /// … and what they take beyond that.
    loose: usize,
    most: u64,
}

enum End {
    Clean,
    Broken(Shared),
}

/// What one reader gets.
pub(super) enum Given {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    Error(BoxError),
}

/// What is left to be done once no lock is held: all of it runs foreign code.
#[derive(Default)]
pub(super) struct After {
    pub(super) wake: Vec<Waker>,
    pub(super) source: Option<Source>,
    pub(super) storing: Option<Box<Storing>>,
    pub(super) not_stored: Option<NotStored>,
    pub(super) stored: Option<Stored>,
    /// Nobody can join any more.
    pub(super) is_closed: bool,
}

impl After {
    /// Does it. `close`: sees to it that nobody joins any more.
    pub(super) fn finish(self, counts: &Counts, close: impl FnOnce()) {
        let Self { wake, source, storing, not_stored, stored, is_closed } = self;
        if let Some(why) = not_stored {
            counts.not_stored(why).add();
        }
        // Stored before it is closed: who finds neither looks into the store again.
        if let Some(Stored { storing, entry }) = stored {
            // The store may be the host's.
            let _ = unwind::call(|| storing.commit(entry));
        }
        if is_closed {
            close();
        }
        wake.into_iter().for_each(Waker::wake);
        if let Some(storing) = &storing
            && not_stored == Some(NotStored::NoMemory)
        {
            storing.make_room();
        }
        discard((source, storing));
    }
}

/// Drops what is another one's: a panic is not to end this one's task.
pub(super) fn discard<T>(spent: T) {
    let _ = unwind::call(move || drop(spent));
}

/// An answer to be given to the store.
pub(super) struct Stored {
    pub(super) storing: Box<Storing>,
    pub(super) entry: CacheEntry,
}

impl Recording {
    /// `storing`: `None` where it is another process that stores it.
    pub(super) fn new(
        head: Head,
        source: Source,
        storing: Option<Box<Storing>>,
        held: Held,
        most: u64,
    ) -> Self {
        Self {
            length: declared(&head.headers),
            head,
            source: Some(source),
            // Most answers are one frame.
            frames: VecDeque::with_capacity(1),
            first: 0,
            bytes: 0,
            trailers: None,
            end: None,
            storing,
            is_growing: true,
            held,
            loose: 0,
            most,
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

    /// Whether more of it comes, which other processes read.
    pub(super) fn is_followed(&self) -> bool {
        self.end.is_none() && self.storing.as_ref().is_some_and(|storing| storing.is_followed())
    }

    /// Whether all frames that have come are held.
    pub(super) fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// What there is for a reader that has read so many frames; `None` if more must come first.
    pub(super) fn get(&self, at: usize) -> Option<Given> {
        let Some(at) = at.checked_sub(self.first) else {
            return Some(Given::Error(FlightError::Slow.into()));
        };
        if let Some(data) = self.frames.get(at) {
            return Some(Given::Data(data.clone()));
        }
        Some(match (self.end.as_ref()?, &self.trailers) {
            (End::Broken(error), _) => Given::Error(error.clone().into()),
            (End::Clean, Some(trailers)) if at == self.frames.len() => {
                Given::Trailers(trailers.clone())
            }
            (End::Clean, _) => Given::End,
        })
    }

    /// Whether a frame behind so many is held.
    pub(super) fn has(&self, at: usize) -> bool {
        at < self.first + self.frames.len()
    }

    /// Whether nothing is left for a reader that has read so many frames.
    pub(super) fn is_over(&self, at: usize) -> bool {
        let is_clean = matches!(self.end, Some(End::Clean)) && self.trailers.is_none();
        is_clean && at == self.first + self.frames.len()
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
                    self.trailers = frame.into_trailers().ok();
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
        if let Some(storing) = &mut self.storing {
            storing.push(&data);
            if storing.has_failed() {
                self.lose(NotStored::Error, after);
            }
        }
        if self.bytes > self.most && self.is_growing {
            self.lose(NotStored::TooLarge, after);
        }
        let weight = weight(&data);
        if !self.held.grow_modestly(weight) {
            self.loose += weight;
            self.lose(NotStored::NoMemory, after);
        }
        self.frames.push_back(data);
    }

    /// It is not stored.
    fn lose(&mut self, why: NotStored, after: &mut After) {
        self.is_growing = false;
        after.is_closed = true;
        if let Some(storing) = self.storing.take() {
            after.storing = Some(storing);
            after.not_stored = Some(why);
        }
    }

    /// It has broken off.
    pub(super) fn broken(&mut self, error: BoxError, after: &mut After) {
        self.end = Some(End::Broken(Shared(error.into())));
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
        let Some(storing) = &mut self.storing else { return };
        match storing.look() {
            Err(why) => {
                storing.is_whole = true;
                self.lose(why, after);
            }
            Ok(()) => {
                let whole = Whole {
                    status: self.head.status,
                    headers: std::mem::take(&mut self.head.headers),
                    frames: std::mem::take(&mut self.frames).into(),
                    trailers: self.trailers.take(),
                };
                let entry = storing.entry(whole, self.held.take());
                let storing = self.storing.take();
                after.stored = storing.map(|storing| Stored { storing, entry });
            }
        }
    }

    /// Nobody is left who reads it.
    pub(super) fn abandoned(&mut self, after: &mut After) {
        if self.end.is_none() {
            self.lose(NotStored::Abandoned, after);
        }
    }

    /// Lets go what everybody has read who takes part, and what is more than may be held. `slowest`:
    /// how many frames the slowest reader has read. `asker`: how many the one has that has asked, which
    /// is never broken off for others.
    pub(super) fn release(&mut self, slowest: usize, asker: Option<usize>) {
        if self.is_growing {
            return;
        }
        while self.first < slowest
            || self.is_full()
                && self.frames.len() > 1
                && asker.is_none_or(|asker| self.first < asker)
        {
            let Some(data) = self.frames.pop_front() else { return };
            self.first += 1;
            let weight = weight(&data);
            let loose = weight.min(self.loose);
            self.loose -= loose;
            self.held.shrink(weight - loose);
        }
    }

    /// Whether more is held than may be, of an answer that is not kept.
    pub(super) fn is_full(&self) -> bool {
        let most = usize::try_from(self.most).unwrap_or(usize::MAX).max(LOOSE);
        let held = self.held.bytes().saturating_add(self.loose);
        !self.is_growing && (self.loose > LOOSE || held > most)
    }
}

fn weight(data: &Bytes) -> usize {
    data.len().saturating_add(FRAME_OVERHEAD)
}

/// An error that several get.
#[derive(Clone, Debug)]
struct Shared(Arc<dyn Error + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Why an answer that others get, too, has broken off for one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum FlightError {
    /// The others read on, and what it has not read yet is not held any more.
    Slow,
    /// Asking for it has panicked.
    Panicked,
}

impl fmt::Display for FlightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slow => "a shared answer has grown beyond what is held for a slow reader",
            Self::Panicked => "the call that several requests share has panicked",
        })
    }
}

impl Error for FlightError {}
