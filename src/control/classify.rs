//! Which upstream calls are made again, or elsewhere.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use crate::hook::Failure;
use crate::util::opaque::opaque_debug;

/// What may help after an upstream call.
///
/// Made of a status or a [`Failure`] alone, it is what the gateway does where the host says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallClass {
    /// Nothing: the response is handed on.
    Answer,
    /// Another provider or model: a [`Fallback`](super::Fallback) goes on.
    Elsewhere,
    /// The same call again: a [`Retry`](super::Retry) makes it, and where that does not help, a
    /// fallback goes on.
    Again,
}

impl From<StatusCode> for CallClass {
    fn from(status: StatusCode) -> Self {
        match status.as_u16() {
            // 529 is Anthropic's for an API that is overloaded.
            408 | 409 | 429 | 500 | 502 | 503 | 504 | 529 => Self::Again,
            425 | 500..=599 => Self::Elsewhere,
            _ => Self::Answer,
        }
    }
}

impl From<Failure> for CallClass {
    fn from(failure: Failure) -> Self {
        use Failure::{Connect, ConnectTimeout, HeadTimeout, RequestBody, Reset};
        match failure {
            // No head has come, and it was not for the client or the gateway itself.
            Connect | ConnectTimeout | HeadTimeout | Reset => Self::Again,
            // A client that breaks off wants nothing else.
            RequestBody => Self::Answer,
            _ => Self::Elsewhere,
        }
    }
}

/// Decides which upstream calls are made again, or elsewhere. The methods as they are do what layers
/// do without it.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use tower_ai_gateway::control::{CallClass, Classify, ControlLayer};
///
/// /// Another provider may have a model that this one does not know.
/// struct UnknownModels;
///
/// impl Classify for UnknownModels {
///     fn response(&self, status: StatusCode, headers: &HeaderMap) -> CallClass {
///         match status {
///             StatusCode::NOT_FOUND => CallClass::Elsewhere,
///             _ => CallClass::of_response(status, headers),
///         }
///     }
/// }
///
/// let layer = ControlLayer::new().classify(UnknownModels);
/// # let not_found = UnknownModels.response(StatusCode::NOT_FOUND, &HeaderMap::new());
/// # assert_eq!(not_found, CallClass::Elsewhere);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Classify`",
    note = "implement the trait: `response` from a status and headers to a `CallClass`, and `failure`"
)]
pub trait Classify: Send + Sync + 'static {
    /// What may help after a response of this status, or after one whose body turns out to be an
    /// error of the kind that this status has.
    fn response(&self, status: StatusCode, headers: &HeaderMap) -> CallClass {
        CallClass::of_response(status, headers)
    }

    /// What may help after a call without a response.
    fn failure(&self, failure: Failure) -> CallClass {
        failure.into()
    }
}

impl CallClass {
    /// What the gateway does after a response where the host says nothing: `x-should-retry: false`
    /// forbids the same call.
    #[must_use]
    pub fn of_response(status: StatusCode, headers: &HeaderMap) -> Self {
        let forbids = || headers.get("x-should-retry").is_some_and(|value| value == "false");
        match Self::from(status) {
            Self::Again if forbids() => Self::Elsewhere,
            class => class,
        }
    }
}

impl<T: Classify + ?Sized> Classify for Arc<T> {
    fn response(&self, status: StatusCode, headers: &HeaderMap) -> CallClass {
        (**self).response(status, headers)
    }

    fn failure(&self, failure: Failure) -> CallClass {
        (**self).failure(failure)
    }
}

/// The rule of a layer; `None` where the host says nothing.
#[derive(Clone, Default)]
pub(super) struct Rule(Option<Arc<dyn Classify>>);

impl Rule {
    pub(super) fn new(rule: impl Classify) -> Self {
        Self(Some(Arc::new(rule)))
    }

    pub(super) fn response(&self, status: StatusCode, headers: &HeaderMap) -> CallClass {
        match &self.0 {
            Some(rule) => rule.response(status, headers),
            None => CallClass::of_response(status, headers),
        }
    }

    pub(super) fn failure(&self, failure: Failure) -> CallClass {
        self.0.as_ref().map_or_else(|| failure.into(), |rule| rule.failure(failure))
    }
}

opaque_debug!(Rule);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_errors_of_the_client_are_answers() {
        for status in 100..600 {
            let again = [408, 409, 429, 500, 502, 503, 504, 529].contains(&status);
            let elsewhere = again || status == 425 || status >= 500;
            let class = CallClass::from(StatusCode::from_u16(status).unwrap());
            assert_eq!(class == CallClass::Again, again, "{status}");
            assert_eq!(class >= CallClass::Elsewhere, elsewhere, "{status}");
        }
    }
}
