//! Why a request body is read before it is sent.

/// What a body is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeekFor {
    /// The provider, which stands before the model. The request is for this endpoint of it.
    Provider(&'static str),
    /// The model, to check that the gateway allows it.
    AnyModel,
    /// The entries of a universal request.
    Entries,
    /// The model and the tokens that are asked for, as far as they are near its beginning: limits go by
    /// them. Whatever it holds, it is relayed.
    Limits,
    /// Nothing: the provider is known, and a guard is to see the request.
    Nothing,
}
