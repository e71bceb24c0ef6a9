//! The reasons why a body cannot be metered.

/// Why metering stopped before the end of the body. Usage that was found before stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The body, or an event with usage in it, is not JSON.
    Malformed,
    /// A usage object exceeds the limit.
    Overflow,
}
