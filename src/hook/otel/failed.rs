//! Decides whether a span is an error, and of which type.

use http::StatusCode;
use opentelemetry::Value;

use super::attributes::text;
use crate::hook::{EndEvent, Outcome};

/// The error of a failed exchange.
pub(super) struct Failed {
    pub(super) error_type: Value,
    pub(super) description: &'static str,
}

/// A client that disconnects is not an error, unless the provider had reported one before.
pub(super) fn of(end: &EndEvent<'_>) -> Option<Failed> {
    let is_error = |status: &StatusCode| status.is_client_error() || status.is_server_error();
    let status = end.status.filter(is_error);
    let description = match end.outcome {
        Outcome::Rejected => "the gateway refused the request",
        Outcome::Failed => "no response came from the provider",
        Outcome::Broken => "the response broke off",
        Outcome::Complete | Outcome::Cancelled => {
            if end.provider_error.is_none() && status.is_none() {
                return None;
            }
            "the provider reported an error"
        }
    };
    let failure = end.failure.filter(|_| matches!(end.outcome, Outcome::Failed | Outcome::Broken));
    let code = end.provider_error.and_then(|error| error.code.as_deref());
    let error_type = match (code, failure, status) {
        (Some(code), ..) => text(code),
        (_, Some(failure), _) => failure.as_str().into(),
        (.., Some(status)) => status.as_str().to_owned().into(),
        _ => "_OTHER".into(),
    };
    Some(Failed { error_type, description })
}
