//! Telling from an upstream service's error what went wrong, for the answer and the events.
//!
//! Errors are told by their types and never by their texts, which may hold a URL and with it a key.

use std::any::Any;
use std::error::Error;
use std::io;
use std::time::Duration;

#[cfg(feature = "control")]
use http::Response;
use http_body_util::LengthLimitError;
use tower::BoxError;

use crate::hook::Failure;
use crate::rejection::{Code, Refusal, Rejection};
use crate::response::messages;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// What an error of any type is, as far as its type tells.
pub(crate) fn of_any<E: 'static>(error: &E) -> Failure {
    as_error(error).map_or(Failure::Other, of)
}

/// The timeout that an error of any type is or wraps, as far as its type tells.
#[cfg(feature = "control")]
pub(crate) fn timeout_of_any<E: 'static>(error: &E) -> Option<TimeoutError> {
    sources(as_error(error)?).find_map(|error| error.downcast_ref()).copied()
}

/// The refusal that an error of any type is or wraps, as far as its type tells.
pub(crate) fn refusal_of_any<E: 'static>(error: &E) -> Option<&Refusal> {
    refusal_of(as_error(error)?)
}

/// The refusal that an error is or wraps.
pub(crate) fn refusal_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Refusal> {
    sources(error).find_map(|error| error.downcast_ref())
}

/// Whether a layer below has refused the request: nothing is to be tried again, and nobody blamed.
#[cfg(feature = "control")]
pub(crate) fn is_refused<B, E: 'static>(result: &Result<Response<B>, E>) -> bool {
    match result {
        Ok(response) => is_refusal(response),
        Err(error) => refusal_of_any(error).is_some(),
    }
}

/// Whether a response is the refusal of a layer below.
#[cfg(feature = "control")]
pub(crate) fn is_refusal<B>(response: &Response<B>) -> bool {
    response.extensions().get::<Refusal>().is_some()
}

fn as_error<E: 'static>(error: &E) -> Option<&(dyn Error + 'static)> {
    let error: &dyn Any = error;
    if let Some(error) = error.downcast_ref::<BoxError>() {
        return Some(&**error);
    }
    as_known::<io::Error>(error)
        .or_else(|| as_known::<Refusal>(error))
        .or_else(|| as_known::<TimeoutError>(error))
        .or_else(|| as_known::<tower::timeout::error::Elapsed>(error))
        .or_else(|| as_known::<tower::load_shed::error::Overloaded>(error))
        .or_else(|| as_client_error(error))
        .or_else(|| as_control_error(error))
}

fn as_known<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    error.downcast_ref::<E>().map(|error| error as &(dyn Error + 'static))
}

#[cfg(feature = "client")]
fn as_client_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    as_known::<crate::client::ClientError>(error)
        .or_else(|| as_known::<hyper_util::client::legacy::Error>(error))
        .or_else(|| as_known::<hyper::Error>(error))
        .or_else(|| as_known::<h2::Error>(error))
        .or_else(|| as_known::<tokio::time::error::Elapsed>(error))
        .or_else(|| as_reqwest_error(error))
}

#[cfg(feature = "reqwest")]
fn as_reqwest_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    as_known::<reqwest::Error>(error).or_else(|| as_known::<crate::client::ReqwestError>(error))
}

#[cfg(all(feature = "client", not(feature = "reqwest")))]
fn as_reqwest_error(_: &dyn Any) -> Option<&(dyn Error + 'static)> {
    None
}

#[cfg(not(feature = "client"))]
fn as_client_error(_: &dyn Any) -> Option<&(dyn Error + 'static)> {
    None
}

#[cfg(feature = "control")]
fn as_control_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    as_known::<crate::control::health::Unavailable>(error)
}

#[cfg(not(feature = "control"))]
fn as_control_error(_: &dyn Any) -> Option<&(dyn Error + 'static)> {
    None
}

/// What an error is, or the first of its sources that is known.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Failure {
    sources(error).find_map(known).unwrap_or(Failure::Other)
}

/// How long until another try can help, where the error says so.
fn retry_after(error: &(dyn Error + 'static)) -> Option<Duration> {
    #[cfg(feature = "control")]
    {
        use crate::control::health::Unavailable;
        let unavailable = sources(error).find_map(|error| error.downcast_ref::<Unavailable>());
        unavailable.map(|unavailable| unavailable.after).filter(|after| !after.is_zero())
    }
    #[cfg(not(feature = "control"))]
    {
        let _ = error;
        None
    }
}

/// An error of a response body that had begun.
pub(crate) fn of_body(error: &(dyn Error + 'static)) -> Failure {
    match of(error) {
        Failure::Connect | Failure::Other => Failure::Reset,
        failure => failure,
    }
}

/// Whether a body was cut off by a limit of its length: `http_body_util`'s, which tower-http's
/// `RequestBodyLimitLayer` is made of.
pub(crate) fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    sources(error).any(|error| error.is::<LengthLimitError>())
}

/// An error and what it wraps, outermost first.
pub(crate) fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        // An `io::Error` says that its source is the source of what it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
        Some(error)
    })
}

fn known(error: &(dyn Error + 'static)) -> Option<Failure> {
    if error.is::<tower::load_shed::error::Overloaded>() {
        return Some(Failure::Overloaded);
    }
    if error.is::<tower::timeout::error::Elapsed>() {
        return Some(Failure::HeadTimeout);
    }
    if let Some(error) = error.downcast_ref::<TimeoutError>() {
        return Some(match error.phase() {
            TimeoutPhase::Connect => Failure::ConnectTimeout,
            TimeoutPhase::Body => Failure::RequestBody,
            TimeoutPhase::Head => Failure::HeadTimeout,
            TimeoutPhase::Idle => Failure::IdleTimeout,
            TimeoutPhase::Unread => Failure::UnreadTimeout,
            TimeoutPhase::Total => Failure::TotalTimeout,
        });
    }
    #[cfg(feature = "control")]
    if let Some(error) = error.downcast_ref::<crate::control::KeyError>() {
        return Some(error.failure());
    }
    #[cfg(feature = "control")]
    if error.is::<crate::control::ConcurrencyError>() {
        return Some(Failure::Overloaded);
    }
    #[cfg(feature = "control")]
    if let Some(unavailable) = error.downcast_ref::<crate::control::health::Unavailable>() {
        return Some(unavailable.failure());
    }
    #[cfg(feature = "client")]
    if let Some(failure) = crate::client::failure(error) {
        return Some(failure);
    }
    let error = error.downcast_ref::<io::Error>()?;
    match error.kind() {
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

/// The answer for a request whose upstream call failed with this error.
pub(crate) fn answer_to(error: &(dyn Error + 'static)) -> Rejection {
    let mut timeouts = sources(error).filter_map(|error| error.downcast_ref::<TimeoutError>());
    match timeouts.find(|timeout| timeout.phase() == TimeoutPhase::Body) {
        Some(timeout) => messages::slow_upload(timeout.after()),
        None => answer(of(error)).retry_after(retry_after(error)),
    }
}

/// The answer for a request whose upstream call failed.
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
            "The gateway is at its limit for this provider; nothing was sent. Try again shortly.",
            Some(true),
        ),
        Failure::CircuitOpen => (
            Code::Overloaded,
            "Too many calls to this provider have failed of late, so it is left alone for now; nothing was sent. Try again later.",
            Some(true),
        ),
        Failure::CoolingDown => (
            Code::Overloaded,
            "The provider has asked to be left alone for now; nothing was sent. Try again later.",
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
            (Code::Malformed, "The request body broke off before its end. Send it again.", None)
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
    fn errors_are_told_by_type_through_all_their_wrappings() {
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
