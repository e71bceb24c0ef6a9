//! Who has read the current response to its end, and found an answer.

use std::sync::atomic::Ordering;

use super::GatewayContext;

/// A layer that has read a whole response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Witness {
    Call = 1,
    Retry = 2,
}

impl GatewayContext {
    /// Tells the layers above that the current response is an answer, so that they need not read it.
    pub(crate) fn saw_answer(&self, by: Witness) {
        self.0.progress.witness.store(by as u8, Ordering::Relaxed);
    }

    /// Who has seen that the current response is an answer. It is told once, as the next response may
    /// be an error.
    pub(crate) fn take_witness(&self) -> Option<Witness> {
        let witness = &self.0.progress.witness;
        let known = witness.load(Ordering::Relaxed);
        witness.store(0, Ordering::Relaxed);
        [Witness::Call, Witness::Retry].into_iter().find(|by| *by as u8 == known)
    }
}
