//! Why a request body is read before it is sent.

/// What a body is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeekFor {
    /// The provider, which precedes the model. The request is for this endpoint.
    Provider(&'static str),
    /// The model, to check that the gateway allows it.
    AnyModel,
    /// The entries of a universal request.
    Entries,
    /// The model and the requested tokens, if they are near the start: limits use them. The body is
    /// relayed whatever it holds.
    Limits,
    /// Nothing: the provider is known, but a guard wants to see the request.
    Nothing,
}
