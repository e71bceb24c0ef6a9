//! What an error of the upstream service means for the response and the events.
//!
//! Errors are classified by type and never by text, which may contain a URL and a key. An error and
//! its sources are tried for each known type: those below and those of
//! [`KNOWN_ERRORS`](crate::KNOWN_ERRORS).

use std::any::Any;
use std::error::Error;
use std::io;
use std::time::Duration;

use http::Response;
use tower::BoxError;

use crate::hook::Failure;
use crate::rejection::{Code, Refusal, Rejection};
use crate::response::messages;
use crate::util::sources::sources;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// Classifies an error of any type, as far as its type tells.
pub(crate) fn of_any<E: 'static>(error: &E) -> Failure {
    as_error(error).map_or(Failure::Other, of)
}

/// The timeout that an error of any type is or wraps.
pub(crate) fn timeout_of_any<E: 'static>(error: &E) -> Option<TimeoutError> {
    sources(as_error(error)?).find_map(|error| error.downcast_ref()).copied()
}

/// The refusal that an error of any type is or wraps.
pub(crate) fn refusal_of_any<E: 'static>(error: &E) -> Option<&Refusal> {
    sources(as_error(error)?).find_map(|error| error.downcast_ref())
}

/// Returns true if a layer below has refused the request: it must not be retried or blamed on the
/// provider.
pub(crate) fn is_refused<B, E: 'static>(result: &Result<Response<B>, E>) -> bool {
    match result {
        Ok(response) => is_refusal(response),
        Err(error) => refusal_of_any(error).is_some() && !leads_elsewhere(error),
    }
}

/// Returns true if nothing was sent and another provider or model should be tried.
pub(crate) fn leads_elsewhere<E: 'static>(error: &E) -> bool {
    let Some(error) = as_error(error) else { return false };
    sources(error).filter_map(as_upstream).any(UpstreamError::leads_elsewhere)
}

/// Returns true if a response is the refusal of a layer below.
pub(crate) fn is_refusal<B>(response: &Response<B>) -> bool {
    response.extensions().get::<Refusal>().is_some()
}

/// An error of an upstream stack that says what it means for the call.
pub(crate) trait UpstreamError: Error + 'static {
    /// `None` if only its source says.
    fn failure(&self) -> Option<Failure>;

    /// Returns true if nothing was sent and something else should be tried. If there is nothing
    /// else, the client gets the [`Refusal`] in its source.
    fn leads_elsewhere(&self) -> bool {
        false
    }

    /// How long to wait before a retry.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// A type of [`UpstreamError`], for trying an error of unknown type.
pub(crate) struct KnownError {
    as_error: for<'e> fn(&'e dyn Any) -> Option<&'e (dyn Error + 'static)>,
    as_upstream: for<'e> fn(&'e (dyn Error + 'static)) -> Option<&'e dyn UpstreamError>,
}

impl KnownError {
    pub(crate) const fn of<E: UpstreamError>() -> Self {
        Self {
            as_error: |error| error.downcast_ref::<E>().map(|error| error as _),
            as_upstream: |error| error.downcast_ref::<E>().map(|error| error as _),
        }
    }
}

static OF_THE_CORE: [KnownError; 5] = [
    KnownError::of::<io::Error>(),
    KnownError::of::<Refusal>(),
    KnownError::of::<TimeoutError>(),
    KnownError::of::<tower::timeout::error::Elapsed>(),
    KnownError::of::<tower::load_shed::error::Overloaded>(),
];

fn known_errors() -> impl Iterator<Item = &'static KnownError> {
    OF_THE_CORE.iter().chain(crate::KNOWN_ERRORS.iter().copied().flatten())
}

// `E` implements `Error` or is a `BoxError`, which does not. The only bound for both, `Into<BoxError>`,
// consumes the error, and a `BoxError` cannot be turned back into an `E`. So other types are not read.
pub(crate) fn as_error<E: 'static>(error: &E) -> Option<&(dyn Error + 'static)> {
    let error: &dyn Any = error;
    match error.downcast_ref::<BoxError>() {
        Some(error) => Some(&**error),
        None => known_errors().find_map(|known| (known.as_error)(error)),
    }
}

fn as_upstream<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e dyn UpstreamError> {
    known_errors().find_map(|known| (known.as_upstream)(error))
}

/// Classifies an error by itself or by its first known source.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Failure {
    let mut known = sources(error).filter_map(as_upstream);
    known.find_map(UpstreamError::failure).unwrap_or(Failure::Other)
}

/// How long to wait before a retry, if the error says so.
pub(crate) fn retry_after(error: &(dyn Error + 'static)) -> Option<Duration> {
    sources(error).filter_map(as_upstream).find_map(UpstreamError::retry_after)
}

/// Classifies an error of a response body that had started.
pub(crate) fn of_body(error: &(dyn Error + 'static)) -> Failure {
    match of(error) {
        Failure::Connect | Failure::Other => Failure::Reset,
        failure => failure,
    }
}

impl UpstreamError for tower::load_shed::error::Overloaded {
    fn failure(&self) -> Option<Failure> {
        Some(Failure::Overloaded)
    }
}

impl UpstreamError for tower::timeout::error::Elapsed {
    fn failure(&self) -> Option<Failure> {
        Some(Failure::HeadTimeout)
    }
}

impl UpstreamError for Refusal {
    fn failure(&self) -> Option<Failure> {
        None
    }
}

impl UpstreamError for TimeoutError {
    fn failure(&self) -> Option<Failure> {
        Some(match self.phase() {
            TimeoutPhase::Connect => Failure::ConnectTimeout,
            TimeoutPhase::Body => Failure::RequestBody,
            TimeoutPhase::Head => Failure::HeadTimeout,
            TimeoutPhase::Idle => Failure::IdleTimeout,
            TimeoutPhase::Unread => Failure::UnreadTimeout,
            TimeoutPhase::Total => Failure::TotalTimeout,
        })
    }
}

impl UpstreamError for io::Error {
    fn failure(&self) -> Option<Failure> {
        match self.kind() {
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable => Some(Failure::Connect),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => Some(Failure::Reset),
            io::ErrorKind::TimedOut => Some(Failure::HeadTimeout),
            _ => None,
        }
    }
}

/// The answer to a request whose upstream call failed with this error.
pub(crate) fn answer_to(error: &(dyn Error + 'static)) -> Rejection {
    let mut timeouts = sources(error).filter_map(|error| error.downcast_ref::<TimeoutError>());
    match timeouts.find(|timeout| timeout.phase() == TimeoutPhase::Body) {
        Some(timeout) => messages::slow_upload(timeout.after()),
        None => answer(of(error)).retry_after(retry_after(error)),
    }
}

/// The answer to a request whose upstream call failed.
pub(crate) fn answer(failure: Failure) -> Rejection {
    let (code, message, retry) = match failure {
        Failure::Connect => (
            Code::UpstreamFailed,
            "No connection to the provider could be made; nothing was sent. Try again.",
            Some(true),
        ),
        Failure::ConnectTimeout => (
            Code::Timeout,
            "Connect timeout: the connection to the provider took too long; nothing was sent. Try again.",
            Some(true),
        ),
        Failure::HeadTimeout => (
            Code::Timeout,
            "Response head timeout: the provider did not begin to answer in time.",
            None,
        ),
        Failure::IdleTimeout => (
            Code::Timeout,
            "Idle timeout: the provider fell silent in the middle of its answer.",
            None,
        ),
        Failure::UnreadTimeout => {
            (Code::Timeout, "Unread timeout: the client did not read the answer in time.", None)
        }
        Failure::TotalTimeout => (
            Code::Timeout,
            "Total timeout: the provider did not answer within the time for the whole request.",
            None,
        ),
        Failure::Overloaded => (
            Code::Overloaded,
            "The gateway has reached its limit of requests to this provider; nothing was sent. Try again shortly.",
            Some(true),
        ),
        Failure::CircuitOpen => (
            Code::Overloaded,
            "Too many calls to this provider failed recently, so it gets no requests for now; nothing was sent. Try again later.",
            Some(true),
        ),
        Failure::CoolingDown => (
            Code::Overloaded,
            "The provider asked for a pause; nothing was sent. Try again later.",
            Some(true),
        ),
        Failure::NoKey => (Code::NoKey, messages::NO_KEY, Some(false)),
        Failure::KeySource => (
            Code::Overloaded,
            "The gateway could not get its key for the provider; nothing was sent. Try again.",
            Some(true),
        ),
        Failure::Reset => {
            (Code::UpstreamFailed, "The provider closed the connection before it answered.", None)
        }
        Failure::Protocol => {
            (Code::UpstreamFailed, "The provider's answer broke the HTTP protocol.", None)
        }
        Failure::RequestBody => {
            (Code::Malformed, "The request body ended before it was complete. Send it again.", None)
        }
        Failure::ModelNotAllowed | Failure::Unfinished | Failure::Other => {
            (Code::UpstreamFailed, "The provider could not be reached or did not answer.", None)
        }
    };
    Rejection::of_upstream(code, message, retry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_classified_by_type_through_all_wrappers() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let wrapped = io::Error::other(io::Error::other(refused));
        assert_eq!(of(&wrapped), Failure::Connect);
        let boxed: BoxError = Box::new(tower::timeout::error::Elapsed::new());
        assert_eq!(of_any(&boxed), Failure::HeadTimeout);
        let boxed: BoxError = Box::new(tower::load_shed::error::Overloaded::new());
        assert_eq!(of_any(&boxed), Failure::Overloaded);
        let phases = [
            (TimeoutPhase::Connect, Failure::ConnectTimeout),
            (TimeoutPhase::Body, Failure::RequestBody),
            (TimeoutPhase::Head, Failure::HeadTimeout),
            (TimeoutPhase::Idle, Failure::IdleTimeout),
            (TimeoutPhase::Unread, Failure::UnreadTimeout),
            (TimeoutPhase::Total, Failure::TotalTimeout),
        ];
        for (phase, failure) in phases {
            let error = TimeoutError::new(phase, std::time::Duration::from_secs(1));
            assert_eq!(of_any(&error), failure);
            assert_eq!(of_body(&io::Error::other(error)), failure);
        }
        let plain = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(of_any(&plain), Failure::Reset);
        assert_eq!(of_any(&"text"), Failure::Other);

        let refusal = Refusal::forbidden("no");
        assert_eq!(refusal_of_any(&refusal), Some(&refusal));
        let wrapped: BoxError = Box::new(io::Error::other(io::Error::other(refusal.clone())));
        assert_eq!(refusal_of_any(&wrapped), Some(&refusal));
        assert_eq!(refusal_of_any(&boxed), None);
    }
}
