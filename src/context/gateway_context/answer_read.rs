//! Who has read the current response to its end, and found an answer.

use std::sync::atomic::Ordering;

use super::GatewayContext;

/// A layer that has read a whole response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadBy {
    Call = 1,
    Retry = 2,
}

impl GatewayContext {
    /// Tells the layers above that the current response is an answer, so that they need not read it.
    pub(crate) fn set_answer_read(&self, by: ReadBy) {
        self.0.progress.answer_read.store(by as u8, Ordering::Relaxed);
    }

    /// Who has seen that the current response is an answer. It is told once, as the next response may
    /// be an error.
    pub(crate) fn take_answer_read(&self) -> Option<ReadBy> {
        let read_by = &self.0.progress.answer_read;
        let known = read_by.load(Ordering::Relaxed);
        read_by.store(0, Ordering::Relaxed);
        [ReadBy::Call, ReadBy::Retry].into_iter().find(|by| *by as u8 == known)
    }
}
