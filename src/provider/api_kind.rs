//! Which of a provider's APIs a request uses.

use crate::util::operation::Operation;

/// Which of a provider's APIs a request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiKind {
    Native,
    /// The OpenAI-compatible one, with Messages.
    OpenAi(Operation),
}
