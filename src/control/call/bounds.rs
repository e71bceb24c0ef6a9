//! The time bounds of a call.

use crate::control::timer::Bound;
use crate::directives::timeouts::Timeouts;

/// The time bounds of a call.
#[derive(Clone, Copy)]
pub(in crate::control) struct Bounds {
    /// The bounds of the call's phases.
    pub(in crate::control) timeouts: Timeouts,
    /// The deadline of the exchange, which the response body keeps.
    pub(in crate::control) total: Option<Bound>,
}
