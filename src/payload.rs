//! What hooks get to see of bodies, where they asked for it.

use std::fmt;

/// The beginning of a body, up to the limit that a hook asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Payload<'a> {
    /// The bytes. They are the client's or the provider's and may hold anything, secrets included.
    pub bytes: &'a [u8],
    /// All bytes that passed are here; otherwise they were more than the limit.
    pub is_whole: bool,
}

// What bodies hold is for those who read them, not for logs.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("length", &self.bytes.len())
            .field("is_whole", &self.is_whole)
            .finish()
    }
}

/// Keeps the beginning of a body.
#[derive(Default)]
pub(crate) struct Capture {
    bytes: Vec<u8>,
    limit: usize,
    is_cut: bool,
}

impl Capture {
    /// Keeps nothing where the limit is 0.
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, is_cut: false }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        let room = self.limit.saturating_sub(self.bytes.len());
        self.is_cut |= data.len() > room;
        if room == 0 {
            return;
        }
        self.bytes.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// More has passed than what was pushed.
    pub(crate) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Whether nothing more will be kept.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(crate) fn payload(&self) -> Option<Payload<'_>> {
        (self.limit > 0).then_some(Payload { bytes: &self.bytes, is_whole: !self.is_cut })
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.payload().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_keeps_up_to_its_limit_and_says_so() {
        let mut capture = Capture::new(4);
        capture.push(b"abc");
        assert_eq!(capture.payload(), Some(Payload { bytes: b"abc", is_whole: true }));
        capture.push(b"d");
        assert_eq!(capture.payload(), Some(Payload { bytes: b"abcd", is_whole: true }));
        capture.push(b"e");
        assert_eq!(capture.payload(), Some(Payload { bytes: b"abcd", is_whole: false }));
        assert!(!format!("{capture:?}").contains("97"));
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let mut capture = Capture::new(0);
        capture.push(b"abc");
        assert_eq!(capture.payload(), None);
    }
}
