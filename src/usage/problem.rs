//! Why a body cannot be metered.

/// Why metering stopped before the body did. What was found until then stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The body is not JSON, or an event with usage in it is not.
    Malformed,
    /// A usage object is longer than what may be kept.
    Overflow,
}
