//! A response under way, and its broadcast to other processes once it will not be stored.

use std::task::{Context, Poll};

use crate::control::cache::counts::NotStored;
use crate::control::cache::framing::declared;
use crate::control::cache::recording::{After, Piece, Recording};
use crate::control::cache::storing::Storing;
use crate::util::unwind;

/// A response under way. Its recording broadcasts it while it may be stored; after that, this does.
pub(super) struct Reading {
    pub(super) recording: Box<Recording>,
    /// The broadcast to the processes that read it to the end…
    others: Option<Box<Storing>>,
    /// … and the number of frames sent there.
    sent: usize,
}

impl Reading {
    pub(super) fn new(recording: Box<Recording>) -> Self {
        Self { recording, others: None, sent: 0 }
    }

    /// Whether more of it comes and is broadcast.
    pub(super) fn is_broadcast(&self) -> bool {
        self.others.is_some() || self.recording.is_broadcast()
    }

    /// Whether more of it comes and other processes read it.
    pub(super) fn is_followed(&self) -> bool {
        let others = self.others.as_ref();
        self.recording.is_followed() || others.is_some_and(|others| others.is_followed())
    }

    /// Reads on. Ready when a frame or the end has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, after: &mut After) -> Poll<()> {
        let polled = self.recording.poll_guarded(cx, after);
        self.take_over(after);
        self.broadcast(after);
        polled
    }

    /// It has ended as its framing says.
    pub(super) fn ended(&mut self, after: &mut After) {
        self.recording.ended(after);
        self.broadcast(after);
    }

    /// No reader is left.
    pub(super) fn abandoned(&mut self, after: &mut After) {
        self.recording.abandoned(after);
        if let Some(others) = self.others.take() {
            after.storing = Some(others);
        }
    }

    /// Takes the broadcast over if the response will not be stored because it is too long, has an error, or
    /// memory is short.
    fn take_over(&mut self, after: &mut After) {
        use NotStored::{Error, NoMemory, TooLarge};
        let why = after.not_stored;
        let may_go_on = matches!(why, Some(TooLarge | Error | NoMemory));
        let lost = &mut after.storing;
        let lost = lost.take_if(|lost| may_go_on && !lost.is_whole && lost.broadcasts_on());
        if let Some(lost) = lost {
            if why == Some(NoMemory) {
                lost.make_room();
            }
            self.others = Some(lost);
            self.sent = self.recording.count();
        }
    }

    /// Sends new frames to the other processes.
    fn broadcast(&mut self, after: &mut After) {
        let Some(others) = &mut self.others else { return };
        others.is_whole = loop {
            match self.recording.get(self.sent, false) {
                None => return,
                Some(Piece::Data(data)) => {
                    self.sent += 1;
                    if unwind::call(|| others.push(&data)).is_err() {
                        break false;
                    }
                }
                Some(Piece::Error(_)) => break false,
                Some(Piece::Trailers(trailers)) => {
                    let is_broadcast = unwind::call(|| others.trailers(&trailers)).is_ok();
                    break is_broadcast && has_all(&self.recording);
                }
                Some(Piece::End) => break has_all(&self.recording),
            }
        };
        after.storing = self.others.take();
    }
}

/// Whether it has its declared length.
fn has_all(recording: &Recording) -> bool {
    declared(&recording.head.headers).is_none() || recording.has_length()
}
