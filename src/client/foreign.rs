//! What the errors of other HTTP clients say: those of hyper, hyper-util, h2 and reqwest, and the
//! timeouts of tokio and tower that a host puts around them.

use std::error::Error;
use std::io;

use hyper_util::client::legacy;

use crate::hook::Failure;
use crate::response::failure::UpstreamError;
use crate::util::sources::sources;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

impl UpstreamError for legacy::Error {
    fn failure(&self) -> Option<Failure> {
        self.is_connect().then(|| of_connecting(self))
    }
}

impl UpstreamError for hyper::Error {
    fn failure(&self) -> Option<Failure> {
        Some(match self {
            error if error.is_parse() || is_of_protocol(error) => Failure::Protocol,
            error if is_of_request_body(error) => Failure::RequestBody,
            _ => Failure::Reset,
        })
    }
}

impl UpstreamError for h2::Error {
    fn failure(&self) -> Option<Failure> {
        Some(if self.is_library() { Failure::Protocol } else { Failure::Reset })
    }
}

impl UpstreamError for tokio::time::error::Elapsed {
    fn failure(&self) -> Option<Failure> {
        Some(Failure::HeadTimeout)
    }
}

#[cfg(feature = "reqwest")]
impl UpstreamError for reqwest::Error {
    fn failure(&self) -> Option<Failure> {
        match self {
            error if error.is_connect() && error.is_timeout() => Some(Failure::ConnectTimeout),
            error if error.is_connect() => Some(of_connecting(error)),
            // One type stands for reqwest's total and its read timeout.
            error if error.is_timeout() && (error.is_body() || error.is_decode()) => {
                Some(Failure::IdleTimeout)
            }
            error if error.is_timeout() => Some(Failure::HeadTimeout),
            _ => None,
        }
    }
}

/// A connection that could not be made, or not in time.
fn of_connecting(error: &(dyn Error + 'static)) -> Failure {
    match sources(error).any(is_timeout) {
        true => Failure::ConnectTimeout,
        false => Failure::Connect,
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<TimeoutError>() {
        return error.phase() == TimeoutPhase::Connect;
    }
    error.is::<tokio::time::error::Elapsed>()
        || error.is::<tower::timeout::error::Elapsed>()
        || error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

pub(super) fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    error.source().and_then(<dyn Error>::downcast_ref)
}

/// Whether the provider has broken the rules of HTTP/2: it is the library that has ended the stream,
/// or the connection.
fn is_of_protocol(error: &hyper::Error) -> bool {
    h2_error(error).is_some_and(h2::Error::is_library)
}

/// Whether it was the request body that broke off or ended too early. All else that ends an exchange
/// is the provider's doing, or that of the way to it.
fn is_of_request_body(error: &hyper::Error) -> bool {
    match h2_error(error) {
        // hyper resets a stream of its own accord where its request body has failed, and says no
        // more of it. What the library or the other side resets is told apart.
        Some(error) => error.is_reset() && !error.is_remote() && !error.is_library(),
        // Over HTTP/1.1 an error of the body is the source.
        None => error.is_body_write_aborted() || error.is_user() && error.source().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use tower::BoxError;

    use super::*;
    use crate::response::failure::{of, of_any, of_body};

    #[test]
    fn a_stream_that_h2_ends_is_the_protocols_or_a_reset() {
        for (reason, expected) in [
            (h2::Reason::REFUSED_STREAM, Failure::Reset),
            (h2::Reason::INTERNAL_ERROR, Failure::Reset),
        ] {
            assert_eq!(of_any(&h2::Error::from(reason)), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_of_the_runtime_is_told() {
        let timeout = tokio::time::timeout(std::time::Duration::ZERO, std::future::pending::<()>());
        let error = timeout.await.unwrap_err();
        assert_eq!(of_any(&error), Failure::HeadTimeout);
        assert!(is_timeout(&error));
        let error: BoxError = Box::new(error);
        assert_eq!(of(&*error), Failure::HeadTimeout);
        assert_eq!(of_body(&*error), Failure::HeadTimeout);
        assert_eq!(of_connecting(&io::Error::other(error)), Failure::ConnectTimeout);
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(of_connecting(&refused), Failure::Connect);
        let timed_out = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(of_connecting(&io::Error::other(timed_out)), Failure::ConnectTimeout);
    }
}
