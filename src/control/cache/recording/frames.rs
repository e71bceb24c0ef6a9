//! The frames of a response that are held for its readers.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::util::budget::{FRAME_OVERHEAD, Held};

/// How many bytes of a response that is not stored are held for slower readers although memory is short.
const LOOSE: usize = 64 * 1024;

/// The frames that have come, without the dropped ones.
pub(super) struct Frames {
    frames: VecDeque<Bytes>,
    /// The number of dropped frames.
    first: usize,
    /// The memory that they take of the budget for bodies; `None` once they are taken…
    held: Option<Held>,
    /// … and beyond it.
    loose: usize,
    /// The maximum of a response that is not stored.
    most: usize,
}

impl Frames {
    pub(super) fn new(held: Held, most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(LOOSE);
        Self { frames: VecDeque::with_capacity(1), first: 0, held: Some(held), loose: 0, most }
    }

    /// Adds a frame. Returns false if memory is short.
    #[must_use]
    pub(super) fn push(&mut self, data: Bytes) -> bool {
        let weight = weight(&data);
        self.frames.push_back(data);
        let has_room = self.held.as_mut().is_some_and(|held| held.grow_modestly(weight));
        if !has_room {
            self.loose += weight;
        }
        has_room
    }

    /// The number of frames that have come.
    pub(super) fn count(&self) -> usize {
        self.first + self.frames.len()
    }

    /// Whether the frame at this position was dropped.
    pub(super) fn is_gone(&self, at: usize) -> bool {
        at < self.first
    }

    /// The frame at this position.
    pub(super) fn get(&self, at: usize) -> Option<&Bytes> {
        self.frames.get(at.checked_sub(self.first)?)
    }

    /// All frames, and the memory that they take.
    pub(super) fn take(&mut self) -> (Vec<Bytes>, Option<Held>) {
        (std::mem::take(&mut self.frames).into(), self.held.take())
    }

    /// Drops the first `slowest` frames, and more while memory is short, but none from `held_from` on.
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
            self.held.iter_mut().for_each(|held| held.shrink(weight - loose));
        }
    }

    /// Whether a response that is not stored takes more memory than it may.
    pub(super) fn is_full(&self) -> bool {
        let held = self.held.as_ref().map_or(0, Held::bytes);
        self.loose > LOOSE || held.saturating_add(self.loose) > self.most
    }
}

fn weight(data: &Bytes) -> usize {
    data.len().saturating_add(FRAME_OVERHEAD)
}
