//! The built-in upstream: hyper's connections, pooled, with rustls, tuned for long streams.

mod body;
#[cfg(all(feature = "config", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
pub(crate) mod certificates;
mod connect;
mod dial;
mod error;
mod foreign;
mod framing;
mod future;
mod http2;
mod http_client;
mod in_flight;
mod macros;
mod options;
mod pool;
#[cfg(feature = "proxy")]
mod proxy;
#[cfg(feature = "reqwest")]
mod reqwest;
mod signal;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod tls;
mod tracked_body;
#[cfg(feature = "proxy")]
mod via_proxy;
mod watched;

pub use self::body::ClientBody;
#[cfg(all(feature = "config", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
#[cfg_attr(
    docsrs,
    doc(cfg(all(feature = "config", any(feature = "tls-aws-lc-rs", feature = "tls-ring"))))
)]
pub use self::certificates::ClientCertificates;
pub use self::error::ClientError;
pub use self::future::ClientFuture;
pub use self::http_client::{HttpClient, HttpClientBuilder};
#[cfg(feature = "reqwest")]
pub use self::reqwest::{ReqwestClient, ReqwestError, ReqwestFuture};
#[cfg(all(feature = "config", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
pub(crate) use self::tls::{Server, check_identity};
use crate::response::failure::KnownError;

/// The errors of this client and of other HTTP clients.
pub(crate) static KNOWN_ERRORS: &[KnownError] = &[
    KnownError::of::<ClientError>(),
    KnownError::of::<hyper_util::client::legacy::Error>(),
    KnownError::of::<hyper::Error>(),
    KnownError::of::<h2::Error>(),
    KnownError::of::<tokio::time::error::Elapsed>(),
    #[cfg(feature = "reqwest")]
    KnownError::of::<::reqwest::Error>(),
    #[cfg(feature = "reqwest")]
    KnownError::of::<ReqwestError>(),
];
