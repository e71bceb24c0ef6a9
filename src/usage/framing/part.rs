//! The parts into which a framing splits a stream.

use crate::usage::problem::Problem;

/// The next part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::usage) enum Part<'a> {
    /// A part of a document.
    Data(&'a [u8]),
    /// The document that ends next is the data of an event of this type.
    Named(&'a [u8]),
    /// The document that ends next reports a failure of this kind.
    Failed(&'a [u8]),
    /// The document ends.
    End,
}

/// Receives the parts of a stream.
pub(in crate::usage) type Sink<'s> = dyn FnMut(Part<'_>) -> Result<(), Problem> + 's;
