//! The frames of an answer that are held for its readers.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::util::budget::{FRAME_OVERHEAD, Held};

/// How much of an answer that is not kept is held for its slower readers though no memory is left.
const LOOSE: usize = 64 * 1024;

/// The frames that have come, but for those that were let go.
pub(super) struct Frames {
    frames: VecDeque<Bytes>,
    /// How many were let go.
    first: usize,
    /// What they take of the memory for bodies…
    held: Held,
    /// … and what they take beyond that.
    loose: usize,
    /// How much of an answer is held at most that is not kept.
    most: usize,
}

impl Frames {
    pub(super) fn new(held: Held, most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(LOOSE);
        Self { frames: VecDeque::with_capacity(1), first: 0, held, loose: 0, most }
    }

    /// One more. False where there is no memory for it.
    #[must_use]
    pub(super) fn push(&mut self, data: Bytes) -> bool {
        let weight = weight(&data);
        self.frames.push_back(data);
        let has_room = self.held.grow_modestly(weight);
        if !has_room {
            self.loose += weight;
        }
        has_room
    }

    /// How many have come.
    pub(super) fn count(&self) -> usize {
        self.first + self.frames.len()
    }

    /// Whether the one behind so many was let go.
    pub(super) fn is_gone(&self, at: usize) -> bool {
        at < self.first
    }

    /// The one behind so many.
    pub(super) fn get(&self, at: usize) -> Option<&Bytes> {
        self.frames.get(at.checked_sub(self.first)?)
    }

    /// All of them, and the memory that they have.
    pub(super) fn take(&mut self) -> (Vec<Bytes>, Held) {
        (std::mem::take(&mut self.frames).into(), self.held.take())
    }

    /// Lets those go that come before the first `slowest`, and what is more than may be held, but none
    /// behind the first `held_from`.
    pub(super) fn release(&mut self, slowest: usize, held_from: Option<usize>) {
        while self.first < slowest
            || self.is_full()
                && self.frames.len() > 1
                && held_from.is_none_or(|held_from| self.first < held_from)
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
        self.loose > LOOSE || self.held.bytes().saturating_add(self.loose) > self.most
    }
}

fn weight(data: &Bytes) -> usize {
    data.len().saturating_add(FRAME_OVERHEAD)
}
