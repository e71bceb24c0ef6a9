//! Replaces `decode` without the feature `decompression`: no coding is supported.

use crate::usage::Problem;

#[derive(Debug)]
pub(super) enum Decoder {}

impl Decoder {
    pub(super) fn of(_: &[u8]) -> Option<Self> {
        None
    }

    pub(super) fn push(&mut self, _: &[u8], _: impl FnMut(&[u8])) -> Result<(), Problem> {
        match *self {}
    }

    pub(super) fn is_cut(&mut self) -> bool {
        match *self {}
    }
}
