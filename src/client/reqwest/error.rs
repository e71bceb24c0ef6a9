//! Errors of [`ReqwestClient`](super::ReqwestClient).

use std::error::Error;
use std::fmt;

use crate::hook::Failure;
use crate::response::failure::UpstreamError;

/// A `reqwest::Client` could not be used, or a request could not be sent or answered.
///
/// No text of it holds a URL, a header or a body; the `reqwest::Error` that is its source has lost
/// its URL.
#[derive(Debug)]
pub struct ReqwestError(Kind);

#[derive(Debug)]
enum Kind {
    Client(reqwest::Error),
    /// reqwest cannot ask for this URI as it is.
    Uri,
    Follows,
    Redirected,
    Decodes,
    Cookies,
}

impl ReqwestError {
    pub(super) fn client(error: reqwest::Error) -> Self {
        Self(Kind::Client(error.without_url()))
    }

    pub(super) fn uri() -> Self {
        Self(Kind::Uri)
    }

    pub(super) fn follows() -> Self {
        Self(Kind::Follows)
    }

    pub(super) fn redirected() -> Self {
        Self(Kind::Redirected)
    }

    pub(super) fn decodes() -> Self {
        Self(Kind::Decodes)
    }

    pub(super) fn cookies() -> Self {
        Self(Kind::Cookies)
    }

    /// Whether no connection could be made, so that nothing of the request was sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(&self.0, Kind::Client(error) if error.is_connect())
    }

    /// Whether the client follows redirects, or has followed one: the answer is dropped.
    #[must_use]
    pub fn is_redirect(&self) -> bool {
        match &self.0 {
            Kind::Follows | Kind::Redirected => true,
            Kind::Client(error) => error.is_redirect(),
            Kind::Uri | Kind::Decodes | Kind::Cookies => false,
        }
    }
}

impl fmt::Display for ReqwestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Client(_) => "reqwest could not send the request or was not answered",
            Kind::Uri => "reqwest would send the request to another URI than it names",
            Kind::Follows => {
                "the client may follow redirects: build it with `redirect(Policy::none())`"
            }
            Kind::Redirected => "the client has followed a redirect; its answer is dropped",
            Kind::Decodes => {
                "the client may decode bodies: build it with `no_gzip()`, `no_brotli()`, \
                 `no_zstd()` and `no_deflate()`"
            }
            Kind::Cookies => "the client keeps cookies, and would show them to others",
        })
    }
}

impl Error for ReqwestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Client(error) => Some(error),
            Kind::Uri | Kind::Follows | Kind::Redirected | Kind::Decodes | Kind::Cookies => None,
        }
    }
}

impl UpstreamError for ReqwestError {
    fn failure(&self) -> Option<Failure> {
        None
    }
}
