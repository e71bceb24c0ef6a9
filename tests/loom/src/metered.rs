//! Nobody is charged for an answer here.

use bytes::Bytes;

pub(super) struct Metered;

impl Metered {
    pub(super) fn push(&mut self, _: &Bytes) {}

    pub(super) fn finish(&mut self) {}

    pub(super) fn has_failed(&self) -> bool {
        false
    }

    pub(super) fn is_limited(&self) -> bool {
        false
    }
}
