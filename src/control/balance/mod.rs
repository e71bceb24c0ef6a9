//! Which base URL and which stored key a call uses, where there are several.

mod choice;
mod choices;
pub(crate) mod pick;

pub(super) use self::choices::{Choice, Choices};
pub(super) use self::pick::{Candidate, Picked, pick};
