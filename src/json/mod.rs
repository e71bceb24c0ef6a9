//! The little JSON that a gateway needs: scan a passing object, walk one that is all there, read a
//! flat one, write a string.

pub(crate) mod cursor;
pub(crate) mod flat;
pub(crate) mod object;
pub(crate) mod quote;
pub(crate) mod scalars;
pub(crate) mod string;
