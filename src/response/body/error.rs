//! Why the gateway itself ends a response.

/// The request was refused after its response had started.
#[derive(Debug, thiserror::Error)]
#[error("the gateway refused the rest of the request body and ended its response")]
pub(super) struct ResponseAborted;

/// The provider answered from a model that the gateway forbids.
#[derive(Debug, thiserror::Error)]
#[error("the provider answered with a model that the gateway does not allow")]
pub(super) struct ModelForbidden;
