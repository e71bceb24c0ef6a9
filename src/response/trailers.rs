//! [`Trailers`]: which trailers of a response pass.

/// What to do with a response's trailers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trailers {
    /// The client did not ask for them.
    #[default]
    Dropped,
    /// Passed on without forbidden fields.
    Stripped,
    /// Passed on unchanged: the response is not the gateway's.
    Untouched,
}
