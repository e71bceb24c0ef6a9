//! Classifies the errors of other HTTP clients (hyper, hyper-util, h2, reqwest), and of the tokio
//! and tower timeouts that a host may wrap around them.

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
            // reqwest has one error for its total timeout and its read timeout.
            error if error.is_timeout() && (error.is_body() || error.is_decode()) => {
                Some(Failure::IdleTimeout)
            }
            error if error.is_timeout() => Some(Failure::HeadTimeout),
            _ => None,
        }
    }
}

/// A failed connect, or one that timed out.
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

/// Returns true if the provider violated HTTP/2: our h2 library ended the stream or connection.
fn is_of_protocol(error: &hyper::Error) -> bool {
    h2_error(error).is_some_and(h2::Error::is_library)
}

/// Returns true if the request body failed or ended early. Any other cause is the provider or the
/// network.
pub(super) fn is_of_request_body(error: &hyper::Error) -> bool {
    match h2_error(error) {
        // If the request body fails, hyper resets the stream itself and gives no cause. Resets by
        // the h2 library or by the peer are distinguishable from that.
        Some(error) => error.is_reset() && !error.is_remote() && !error.is_library(),
        // Over HTTP/1.1 the body's error is the source.
        None => error.is_body_write_aborted() || error.is_user() && error.source().is_some(),
    }
}

/// Returns true if an HTTP/2 stream has failed and its connection has not: the request body failed, or
/// the peer has reset the stream.
pub(super) fn is_of_stream(error: &hyper::Error) -> bool {
    let is_reset_by_peer = |error: &h2::Error| error.is_reset() && error.is_remote();
    is_of_request_body(error) || h2_error(error).is_some_and(is_reset_by_peer)
}

#[cfg(test)]
mod tests {
    use tower::BoxError;

    use super::*;
    use crate::response::failure::{of, of_any, of_body};

    #[test]
    fn an_h2_reset_is_a_reset() {
        for (reason, expected) in [
            (h2::Reason::REFUSED_STREAM, Failure::Reset),
            (h2::Reason::INTERNAL_ERROR, Failure::Reset),
        ] {
            assert_eq!(of_any(&h2::Error::from(reason)), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_tokio_timeout_is_recognised() {
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
