//! Which results of upstream calls lead to a retry or a fallback.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use crate::hook::Failure;
use crate::util::opaque::opaque_debug;

/// What to do after an upstream call.
///
/// The conversions from a status and from a [`Failure`] are the gateway's default rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallClass {
    /// Return the response.
    Answer,
    /// Try another provider or model: a [`Fallback`](super::Fallback) continues with its next step.
    Fallback,
    /// Repeat the call: a [`Retry`](super::Retry) does so, and if all retries fail, a fallback
    /// continues.
    Retry,
}

impl From<StatusCode> for CallClass {
    fn from(status: StatusCode) -> Self {
        match status.as_u16() {
            // 529: Anthropic's API is overloaded.
            408 | 409 | 429 | 500 | 502 | 503 | 504 | 529 => Self::Retry,
            425 | 500..=599 => Self::Fallback,
            _ => Self::Answer,
        }
    }
}

impl From<Failure> for CallClass {
    fn from(failure: Failure) -> Self {
        use Failure::{Connect, ConnectTimeout, HeadTimeout, RequestBody, Reset};
        match failure {
            // No response head arrived, and neither the client nor the gateway is the cause.
            Connect | ConnectTimeout | HeadTimeout | Reset => Self::Retry,
            // The client's upload failed, so another provider would fail too.
            RequestBody => Self::Answer,
            _ => Self::Fallback,
        }
    }
}

/// Decides which upstream calls are retried or lead to a fallback. The provided methods are the
/// default rules.
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
///             StatusCode::NOT_FOUND => CallClass::Fallback,
///             _ => CallClass::of_response(status, headers),
///         }
///     }
/// }
///
/// let layer = ControlLayer::new().classify(UnknownModels);
/// # let not_found = UnknownModels.response(StatusCode::NOT_FOUND, &HeaderMap::new());
/// # assert_eq!(not_found, CallClass::Fallback);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Classify`",
    note = "implement the trait: `response` from a status and headers to a `CallClass`, and `failure`"
)]
pub trait Classify: Send + Sync + 'static {
    /// Classifies a response by its status. For an error in the body of a successful response,
    /// `status` is the one that such an error usually has.
    fn response(&self, status: StatusCode, headers: &HeaderMap) -> CallClass {
        CallClass::of_response(status, headers)
    }

    /// Classifies a call without a response.
    fn failure(&self, failure: Failure) -> CallClass {
        failure.into()
    }
}

impl CallClass {
    /// The default rule for responses: by status, but `x-should-retry: false` rules out a retry.
    #[must_use]
    pub fn of_response(status: StatusCode, headers: &HeaderMap) -> Self {
        let forbids = || headers.get("x-should-retry").is_some_and(|value| value == "false");
        match Self::from(status) {
            Self::Retry if forbids() => Self::Fallback,
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

/// The rule of a layer; `None` for the default rule.
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
            assert_eq!(class == CallClass::Retry, again, "{status}");
            assert_eq!(class >= CallClass::Fallback, elsewhere, "{status}");
        }
    }
}
