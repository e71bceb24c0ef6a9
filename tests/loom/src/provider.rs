//! A provider that goes on as a model says.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::flight::Ended;

/// What a call gives.
pub(super) enum Verdict {
    /// A response for all.
    Answer,
    /// Something for the one alone that has asked.
    Own(Ended),
    /// Nothing: another process has a response that it does not share, so each asks by itself.
    Unshared,
}

/// What the provider has said so far.
#[derive(Default)]
pub(super) struct Provider {
    /// What each call in turn gives.
    pub(super) verdicts: VecDeque<Verdict>,
    /// How many frames of every body have come, its end included.
    pub(super) frames: usize,
    /// Whoever waits, once.
    pub(super) waiting: Vec<Waker>,
    pub(super) calls: usize,
    /// Calls and bodies that were not dropped.
    pub(super) open: usize,
}

impl Provider {
    /// Who gets something is owed no wake-up any more.
    pub(super) fn poll<T>(&mut self, said: Option<T>, cx: &Context<'_>) -> Poll<T> {
        match said {
            Some(said) => {
                self.waiting.retain(|waiting| !waiting.will_wake(cx.waker()));
                Poll::Ready(said)
            }
            None => {
                if !self.waiting.iter().any(|waiting| waiting.will_wake(cx.waker())) {
                    self.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}
