//! Which part of a recording Redis holds: the last part of a long response.

use std::collections::VecDeque;

/// How many bytes are held …
const MOST_BYTES: usize = 32 << 20;
/// … and the steps in which they are dropped.
const STEP: usize = 1 << 20;

/// The batches that are held.
#[derive(Default)]
pub(super) struct Window {
    /// The number of the first batch after each step.
    steps: VecDeque<u64>,
    /// The bytes after the last step.
    bytes: usize,
    gone: u64,
}

impl Window {
    /// Adds the batch with this number and length.
    pub(super) fn push(&mut self, number: u64, bytes: usize) {
        self.bytes += bytes;
        while self.bytes >= STEP {
            self.bytes -= STEP;
            self.steps.push_back(number + 1);
            if self.steps.len() >= MOST_BYTES / STEP
                && let Some(next) = self.steps.pop_front()
            {
                self.gone = next;
            }
        }
    }

    /// How many batches are to be dropped from the front.
    pub(super) fn gone(&self) -> u64 {
        self.gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_is_held_within_the_bound() {
        for length in [1_000, 100 << 10, STEP, 3 * STEP + 1] {
            let mut window = Window::default();
            for number in 0..(3 * MOST_BYTES / length) as u64 {
                window.push(number, length);
                let held = (number + 1 - window.gone()) as usize * length;
                assert!(held <= MOST_BYTES.max(length), "{length}: {held}");
                let all = (number + 1) as usize * length;
                assert!(held >= all.min(MOST_BYTES - 2 * STEP - 2 * length), "{length}: {held}");
            }
            assert!(window.gone() > 0);
        }
    }
}
