//! Keeps frames for the provider.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Peek;
use crate::rejection::Rejection;
use crate::response::messages;
use crate::util::budget::FRAME_OVERHEAD;

/// Frames smaller than this are copied together, up to `LARGE`.
const SMALL: usize = 512;
const LARGE: usize = 16 * 1024;

impl<B> Peek<B> {
    /// Keeps a frame for the provider, if the budget has room.
    pub(super) fn keep(&mut self, data: Bytes) -> Result<(), Rejection> {
        let is_gathered = data.len() < SMALL && !self.small.is_empty();
        let overhead = if is_gathered { 0 } else { FRAME_OVERHEAD };
        if !self.share.grow(data.len() + overhead) {
            return Err(messages::no_memory());
        }
        if data.len() < SMALL {
            self.small.extend_from_slice(&data);
            if self.small.len() < LARGE {
                return Ok(());
            }
        }
        self.flush();
        if data.len() >= SMALL {
            self.frames.push_back(data);
        }
        Ok(())
    }

    pub(super) fn forget(&mut self) {
        self.frames = VecDeque::new();
        self.small = BytesMut::new();
        self.share.release();
    }

    pub(super) fn flush(&mut self) {
        if !self.small.is_empty() {
            self.frames.push_back(std::mem::take(&mut self.small).freeze());
        }
    }
}
