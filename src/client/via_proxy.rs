//! The error of a proxy, to distinguish it from the provider's.

use std::io;

use tower::BoxError;

/// The proxy could not be reached or did not connect.
#[derive(Debug, thiserror::Error)]
#[error("the proxy could not be reached or did not connect")]
pub(in crate::client) struct ViaProxy(#[source] BoxError);

impl ViaProxy {
    pub(in crate::client) fn wrap(error: BoxError) -> BoxError {
        Box::new(Self(error))
    }

    pub(in crate::client) fn asks_for_password() -> BoxError {
        Self::wrap(io::Error::other("proxy authorization required").into())
    }
}

impl From<io::Error> for ViaProxy {
    fn from(error: io::Error) -> Self {
        Self(error.into())
    }
}
