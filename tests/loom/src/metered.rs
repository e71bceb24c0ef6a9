//! Nobody is charged for an answer here.

use std::sync::Arc;

use bytes::Bytes;

use super::counts::Counts;

pub(super) struct Metered;

impl Metered {
    pub(super) fn push(&mut self, _: &Bytes) {}

    pub(super) fn finish(&mut self) {}

    pub(super) fn has_failed(&self) -> bool {
        false
    }

    pub(super) fn outlives(&mut self, _: &Arc<Counts>) {}
}
