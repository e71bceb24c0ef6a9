//! Edits in a body that is sent again: another model, or an option removed.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use crate::routing::model::Edit;

/// Applies edits to passing frames.
#[derive(Debug)]
pub(crate) struct Editor {
    /// In order, without overlaps.
    edits: Vec<Edit>,
    /// How many are done.
    made: usize,
    /// The position of the next byte in the original body.
    offset: u64,
    ahead: VecDeque<Bytes>,
}

impl Editor {
    pub(crate) fn new(mut edits: Vec<Edit>) -> Self {
        edits.sort_by_key(|edit| edit.cut.start);
        Self { edits, made: 0, offset: 0, ahead: VecDeque::new() }
    }

    /// Takes a frame. [`next`](Self::next) returns the result.
    pub(crate) fn push(&mut self, mut data: Bytes) {
        while let Some(Edit { cut, insert }) = self.edits.get(self.made) {
            // An edit at the end of a frame is made at the start of the next one.
            let before = cut.start.saturating_sub(self.offset);
            if before >= data.len() as u64 {
                break;
            }
            if cut.start >= self.offset {
                let parts = [data.split_to(before as usize), insert.clone()];
                self.ahead.extend(parts.into_iter().filter(|part| !part.is_empty()));
                self.offset = cut.start;
            }
            let inside = (cut.end.saturating_sub(self.offset)).min(data.len() as u64);
            data.advance(inside as usize);
            self.offset += inside;
            if self.offset < cut.end {
                return;
            }
            self.made += 1;
        }
        self.offset += data.len() as u64;
        if !data.is_empty() {
            self.ahead.push_back(data);
        }
    }

    /// The next frame of the changed body.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        self.ahead.pop_front()
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// How many bytes longer the remaining output is than the remaining input.
    pub(crate) fn growth_left(&self) -> i64 {
        let ahead: usize = self.ahead.iter().map(Bytes::len).sum();
        let left = self.edits.get(self.made..).unwrap_or_default();
        let growths = left.iter().map(|edit| {
            if self.offset <= edit.cut.start {
                edit.growth()
            } else {
                // Bytes still to be cut.
                -i64::try_from(edit.cut.end.saturating_sub(self.offset)).unwrap_or(i64::MAX)
            }
        });
        growths.fold(0, i64::saturating_add).saturating_add_unsigned(ahead as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn edits_are_the_same_in_any_split(
            body in prop::collection::vec(any::<u8>(), 1..60),
            ends in prop::array::uniform4(any::<prop::sample::Index>()),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            inserts in prop::array::uniform2("[a-z]{0,9}"),
            both in any::<bool>(),
            reversed in any::<bool>(),
        ) {
            let mut ends = ends.map(|end| end.index(body.len()));
            ends.sort_unstable();
            // Two edits at the same start have no defined order.
            prop_assume!(ends[0] < ends[2] && ends[1] < ends[2]);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let edit = |from: usize, to: usize, insert: &str| {
                Edit { cut: from as u64..to as u64, insert: Bytes::from(insert.to_owned()) }
            };
            let mut edits = vec![edit(ends[0], ends[1], &inserts[0])];
            let mut expected = [&body[..ends[0]], inserts[0].as_bytes()].concat();
            if both {
                edits.push(edit(ends[2], ends[3], &inserts[1]));
                expected.extend([&body[ends[1]..ends[2]], inserts[1].as_bytes()].concat());
                expected.extend(&body[ends[3]..]);
            } else {
                expected.extend(&body[ends[1]..]);
            }
            if reversed {
                edits.reverse();
            }
            let growth: i64 = edits.iter().map(Edit::growth).sum();
            let mut editor = Editor::new(edits);
            let mut out = Vec::new();
            let mut left = body.len() as i64;
            let whole = body.len() as i64 + growth;
            for ends in cuts.windows(2) {
                prop_assert_eq!(left + editor.growth_left() + out.len() as i64, whole);
                editor.push(Bytes::copy_from_slice(&body[ends[0]..ends[1]]));
                left -= (ends[1] - ends[0]) as i64;
                prop_assert_eq!(left + editor.growth_left() + out.len() as i64, whole);
                while let Some(part) = editor.next() {
                    out.extend_from_slice(&part);
                }
            }
            prop_assert_eq!(out, expected);
        }
    }
}
