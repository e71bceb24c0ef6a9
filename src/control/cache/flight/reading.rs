//! An answer under way, and what other processes are told of it once it is known not to be kept.

use std::task::{Context, Poll};

use crate::control::cache::counts::NotStored;
use crate::control::cache::framing::declared;
use crate::control::cache::recording::{After, Given, Recording};
use crate::control::cache::storing::Storing;
use crate::util::unwind;

/// An answer under way. Its recording tells others of it as long as it may be kept, and then this does.
pub(super) struct Reading {
    pub(super) recording: Box<Recording>,
    /// Other processes that go on with it, …
    others: Option<Box<Storing>>,
    /// … and how many frames they were told.
    told: usize,
}

impl Reading {
    pub(super) fn new(recording: Box<Recording>) -> Self {
        Self { recording, others: None, told: 0 }
    }

    /// Whether more of it comes, of which other processes are told.
    pub(super) fn is_told(&self) -> bool {
        self.others.is_some() || self.recording.is_told()
    }

    /// Whether more of it comes, which other processes read.
    pub(super) fn is_followed(&self) -> bool {
        let others = self.others.as_ref();
        self.recording.is_followed() || others.is_some_and(|others| others.is_followed())
    }

    /// Reads on. Ready when a frame or the end has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, after: &mut After) -> Poll<()> {
        let polled = self.recording.poll_guarded(cx, after);
        self.take_over(after);
        self.tell(after);
        polled
    }

    /// It has ended as its framing says.
    pub(super) fn ended(&mut self, after: &mut After) {
        self.recording.ended(after);
        self.tell(after);
    }

    /// Nobody is left who reads it.
    pub(super) fn abandoned(&mut self, after: &mut After) {
        self.recording.abandoned(after);
        if let Some(others) = self.others.take() {
            after.storing = Some(others);
        }
    }

    /// Where it is no more to be kept since it is too long, tells of an error, or no memory is left for all
    /// of it.
    fn take_over(&mut self, after: &mut After) {
        use NotStored::{Error, NoMemory, TooLarge};
        let why = after.not_stored;
        let may_go_on = matches!(why, Some(TooLarge | Error | NoMemory));
        let lost = &mut after.storing;
        let lost = lost.take_if(|lost| may_go_on && !lost.is_whole && lost.goes_on());
        if let Some(lost) = lost {
            if why == Some(NoMemory) {
                lost.make_room();
            }
            self.others = Some(lost);
            while self.recording.has(self.told) {
                self.told += 1;
            }
        }
    }

    /// Tells the others what has come.
    fn tell(&mut self, after: &mut After) {
        let Some(others) = &mut self.others else { return };
        others.is_whole = loop {
            match self.recording.get(self.told, false) {
                None => return,
                Some(Given::Data(data)) => {
                    self.told += 1;
                    if unwind::call(|| others.push(&data)).is_err() {
                        break false;
                    }
                }
                Some(Given::Error(_)) => break false,
                Some(Given::Trailers(trailers)) => {
                    let is_told = unwind::call(|| others.trailers(&trailers)).is_ok();
                    break is_told && has_all(&self.recording);
                }
                Some(Given::End) => break has_all(&self.recording),
            }
        };
        after.storing = self.others.take();
    }
}

/// Whether it is as long as it was declared.
fn has_all(recording: &Recording) -> bool {
    declared(&recording.head.headers).is_none() || recording.has_length()
}
