//! Errors of [`ReqwestClient`](super::ReqwestClient).

use crate::hook::Failure;
use crate::response::failure::UpstreamError;

/// A `reqwest::Client` could not be used, or a request failed.
///
/// Its messages never contain a URL, a header or a body; the URL is removed from the source
/// `reqwest::Error`.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ReqwestError(#[from] Cause);

#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    #[error("reqwest could not send the request or got no response")]
    Client(#[source] reqwest::Error),
    /// reqwest would change this URI.
    #[error("reqwest would send the request to another URI")]
    Uri,
    #[error("the client may follow redirects: build it with `redirect(Policy::none())`")]
    Follows,
    #[error("the client has followed a redirect; the response was dropped")]
    Redirected,
    #[error(
        "the client may decode bodies: build it with `no_gzip()`, `no_brotli()`, `no_zstd()` and `no_deflate()`"
    )]
    Decodes,
    #[error("the client keeps cookies and would send them for other callers")]
    Cookies,
}

impl ReqwestError {
    pub(super) fn client(error: reqwest::Error) -> Self {
        Self(Cause::Client(error.without_url()))
    }

    /// Returns true if the connection could not be made. Nothing of the request was sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(&self.0, Cause::Client(error) if error.is_connect())
    }

    /// Returns true if the client may follow redirects, or has followed one and its response was
    /// dropped.
    #[must_use]
    pub fn is_redirect(&self) -> bool {
        match &self.0 {
            Cause::Follows | Cause::Redirected => true,
            Cause::Client(error) => error.is_redirect(),
            Cause::Uri | Cause::Decodes | Cause::Cookies => false,
        }
    }
}

impl UpstreamError for ReqwestError {
    fn failure(&self) -> Option<Failure> {
        None
    }
}
