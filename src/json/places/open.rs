//! The arrays and objects that are open.

use crate::json::trail::PlaceError;

/// The open brackets; the innermost is the lowest bit.
#[derive(Debug, Default)]
pub(super) struct Open {
    depth: u32,
    objects: u128,
    /// The strings of this array, or the `id` of this object, name models.
    names: u128,
}

/// The maximum nesting: one bit of each set.
const DEEPEST: u32 = u128::BITS;

impl Open {
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether the innermost is an object.
    pub(super) fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }

    pub(super) fn names(&self) -> bool {
        self.names & 1 == 1
    }

    pub(super) fn push(&mut self, is_object: bool, names: bool) -> Result<(), PlaceError> {
        if self.depth == DEEPEST {
            return Err(PlaceError::Malformed);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        self.names = self.names << 1 | u128::from(names);
        Ok(())
    }

    /// Closes the innermost. Returns how many are left.
    pub(super) fn pop(&mut self) -> u32 {
        self.depth -= 1;
        self.objects >>= 1;
        self.names >>= 1;
        self.depth
    }
}
