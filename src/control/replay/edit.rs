//! Another model in a body that is read again.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::route::model::Edit;

/// Makes the change while the frames pass.
#[derive(Debug)]
pub(crate) struct Editor {
    edit: Edit,
    /// Of the next byte, in the body as it was.
    offset: u64,
    ahead: VecDeque<Bytes>,
}

impl Editor {
    pub(crate) fn new(edit: Edit) -> Self {
        Self { edit, offset: 0, ahead: VecDeque::new() }
    }

    /// Takes a frame; what becomes of it comes out [ahead](Self::next).
    pub(crate) fn push(&mut self, mut data: Bytes) {
        let Edit { cut, insert } = &self.edit;
        let (start, end) = (self.offset, self.offset + data.len() as u64);
        self.offset = end;
        let inside = |offset: u64| (offset.clamp(start, end) - start) as usize;
        let (from, to) = (inside(cut.start), inside(cut.end));
        let tail = data.split_off(to.max(from));
        data.truncate(from);
        let inserted = (start..end).contains(&cut.start).then(|| insert.clone());
        let parts = [Some(data), inserted, Some(tail)].into_iter().flatten();
        self.ahead.extend(parts.filter(|part| !part.is_empty()));
    }

    /// The next frame of the changed body.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        self.ahead.pop_front()
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// By how many bytes what is to come is longer than what comes in.
    pub(crate) fn growth_left(&self) -> i64 {
        let ahead: usize = self.ahead.iter().map(Bytes::len).sum();
        let growth = if self.offset <= self.edit.cut.start {
            self.edit.growth()
        } else {
            // What is cut out but has not come yet will not count.
            -i64::try_from(self.edit.cut.end.saturating_sub(self.offset)).unwrap_or(i64::MAX)
        };
        growth.saturating_add_unsigned(ahead as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_change_is_the_same_in_any_split(
            body in prop::collection::vec(any::<u8>(), 1..60),
            ends in prop::array::uniform2(any::<prop::sample::Index>()),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            insert in "[a-z]{0,9}",
        ) {
            let mut ends = ends.map(|end| end.index(body.len()));
            ends.sort_unstable();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let cut = ends[0] as u64..ends[1] as u64;
            let edit = Edit { cut, insert: Bytes::from(insert.clone()) };
            let growth = edit.growth();
            let mut editor = Editor::new(edit);
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
            prop_assert_eq!(out, [&body[..ends[0]], insert.as_bytes(), &body[ends[1]..]].concat());
        }
    }
}
