//! Keeps frames for the provider.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Peek;
use crate::rejection::Rejection;
use crate::response::messages;
use crate::util::budget::{FRAME_OVERHEAD, SMALL_FRAME};

/// Small frames are copied together, up to this size.
const LARGE: usize = 16 * 1024;

impl<B> Peek<B> {
    /// Keeps a frame for the provider, if the budget has room.
    pub(super) fn keep(&mut self, data: Bytes) -> Result<(), Rejection> {
        let is_first = self.only.is_none() && self.frames.is_empty() && self.small.is_empty();
        if let Some(first) = self.only.take() {
            self.store(first);
        }
        let is_gathered = data.len() < SMALL_FRAME && !self.small.is_empty();
        let overhead = if is_gathered { 0 } else { FRAME_OVERHEAD };
        if !self.share.grow(data.len() + overhead) {
            return Err(messages::no_memory());
        }
        match is_first {
            true => self.only = Some(data),
            false => self.store(data),
        }
        Ok(())
    }

    /// Keeps a frame that was read already, even if the budget has no room.
    pub(super) fn keep_anyway(&mut self, data: Bytes) {
        self.flush();
        self.share.grow_anyway(data.len() + FRAME_OVERHEAD);
        self.frames.push_back(data);
    }

    fn store(&mut self, data: Bytes) {
        if data.len() < SMALL_FRAME {
            self.small.extend_from_slice(&data);
            if self.small.len() < LARGE {
                return;
            }
        }
        self.gather();
        if data.len() >= SMALL_FRAME {
            self.frames.push_back(data);
        }
    }

    pub(super) fn forget(&mut self) {
        self.only = None;
        self.frames = VecDeque::new();
        self.small = BytesMut::new();
        self.share.release();
    }

    /// Moves all that is kept into the list of frames.
    pub(super) fn flush(&mut self) {
        self.frames.extend(self.only.take());
        self.gather();
    }

    fn gather(&mut self) {
        if !self.small.is_empty() {
            self.frames.push_back(std::mem::take(&mut self.small).freeze());
        }
    }
}
