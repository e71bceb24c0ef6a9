//! What a framing hands on.

use crate::usage::problem::Problem;

/// What stands in the bytes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::usage) enum Part<'a> {
    /// A part of a document.
    Data(&'a [u8]),
    /// The document that ends next is the data of an event of this type.
    Named(&'a [u8]),
    /// The document that ends next tells of a failure of this kind.
    Failed(&'a [u8]),
    /// The document ends.
    End,
}

/// Takes the parts of a stream as they are found.
pub(in crate::usage) type Sink<'s> = dyn FnMut(Part<'_>) -> Result<(), Problem> + 's;
