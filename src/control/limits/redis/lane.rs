//! The settlements of one gateway, in the hands of the task that sends them.

use std::sync::Arc;

use super::queue::Queue;
use super::settle::{Gateway, Settle};

/// Takes the settlements of one gateway from the queue. If it is dropped before its end, with its
/// runtime for example, another one goes on.
#[derive(Debug)]
pub(super) struct Lane {
    queue: Arc<Queue>,
    gateway: Gateway,
    taken: Vec<Settle>,
    is_over: bool,
}

impl Lane {
    pub(super) fn new(queue: Arc<Queue>, gateway: Gateway) -> Self {
        Self { queue, gateway, taken: Vec::new(), is_over: false }
    }

    /// Takes the oldest; `None` if nothing is left, which ends the lane.
    pub(super) fn take(&mut self, count: usize) -> Option<&[Settle]> {
        self.taken = self.queue.take(self.gateway, count);
        self.is_over = self.taken.is_empty();
        (!self.is_over).then_some(&self.taken)
    }

    /// Records that those taken have reached Redis.
    pub(super) fn done(&mut self) {
        self.queue.done(std::mem::take(&mut self.taken).len());
    }

    /// Puts those taken back. `may_have`: they may have reached Redis.
    pub(super) fn put_back(&mut self, may_have: bool) {
        let mut taken = std::mem::take(&mut self.taken);
        for settle in &mut taken {
            settle.is_repeated |= may_have;
        }
        self.queue.put_back(self.gateway, taken);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Whoever sends them next would panic, too.
            self.queue.lose(std::mem::take(&mut self.taken).len());
        }
        if !self.taken.is_empty() {
            self.put_back(true);
        }
        if !self.is_over {
            self.queue.leave(self.gateway);
        }
    }
}
