//! The host's own clients, and `HttpClient` with the host's connector, proxy or certificate.

mod breaks;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod certificates;
#[cfg(all(feature = "full", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
mod certificates_of_file;
#[cfg(unix)]
mod connector;
mod legacy;
#[cfg(feature = "full")]
mod program;
#[cfg(all(feature = "proxy", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
mod proxy;
#[cfg(feature = "reqwest")]
mod reqwest;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::BoxError;

type Upload = UnsyncBoxBody<Bytes, BoxError>;

fn full(bytes: impl Into<Bytes>) -> Upload {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}
