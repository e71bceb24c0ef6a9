//! Copies small frames, so that those that are kept hold no buffer of their connection.
//!
//! A frame is a slice of the buffer that its connection has read into, 8 KiB or more: a client that sends byte by
//! byte would make each byte hold a buffer.

use bytes::{Bytes, BytesMut};

use crate::util::budget::SMALL_FRAME;

/// Blocks of copies double up to this size.
const LARGEST_BLOCK: usize = 32 * 1024;

/// Copies the small ones of the frames that are kept of a body, except for its first: most bodies are one.
#[derive(Debug, Default)]
pub(crate) struct Compactor {
    /// The free rest of the last block.
    block: BytesMut,
    /// The size of the next block; 0 before the first frame.
    next_block: usize,
}

impl Compactor {
    /// The frame to keep instead of this one.
    pub(crate) fn compact(&mut self, data: Bytes) -> Bytes {
        if self.keeps(&data) {
            self.next_block = self.next_block.max(SMALL_FRAME);
            return data;
        }
        if self.block.capacity() < data.len() {
            self.block = BytesMut::with_capacity(self.next_block);
            self.next_block = (2 * self.next_block).min(LARGEST_BLOCK);
        }
        self.block.extend_from_slice(&data);
        self.block.split().freeze()
    }

    /// How many bytes it takes to keep this frame: its own, or those of the block that its copy needs.
    pub(crate) fn cost(&self, data: &Bytes) -> usize {
        match data.len() {
            length if self.keeps(data) => length,
            length if length <= self.block.capacity() => 0,
            _ => self.next_block,
        }
    }

    fn keeps(&self, data: &Bytes) -> bool {
        self.next_block == 0 || data.len() >= SMALL_FRAME || data.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn kept_frames_are_the_same_and_hold_what_they_cost(
            lengths in prop::collection::vec(prop_oneof![0..9_usize, 0..5000_usize], 1..60),
        ) {
            let (mut compactor, mut cost) = (Compactor::default(), 0);
            let (mut buffers, mut kept) = (Vec::new(), Vec::new());
            for (at, length) in lengths.iter().enumerate() {
                let buffer = Bytes::from(vec![at as u8; 8192]);
                let data = buffer.slice(..*length);
                cost += compactor.cost(&data);
                kept.push(compactor.compact(data));
                buffers.push(buffer);
            }
            for (at, (data, buffer)) in kept.iter().zip(&buffers).enumerate() {
                prop_assert_eq!(data, &buffer[..lengths[at]]);
                let holds_buffer = !data.is_empty() && buffer.as_ptr_range().contains(&data.as_ptr());
                prop_assert!(!holds_buffer || at == 0 || data.len() >= SMALL_FRAME, "frame {}", at);
            }
            let bytes: usize = lengths.iter().sum();
            prop_assert!((bytes..=2 * bytes + LARGEST_BLOCK).contains(&cost), "{} {}", bytes, cost);
        }
    }
}
