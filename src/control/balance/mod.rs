//! Which base URL and which stored key a call uses, if there are several.

mod choice;
mod choices;
pub(crate) mod pick;
mod rendezvous;

pub(super) use self::choices::{Choice, Choices, stored_keys};
pub(super) use self::pick::{Candidate, Order, Picked, pick};
