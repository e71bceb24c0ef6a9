//! Values of labels, under OpenTelemetry's names where it has any.

use std::borrow::Cow;

use http::StatusCode;

use crate::hook::{AttemptEvent, EndEvent, Failure, Outcome};

/// The error of an exchange or attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ErrorType {
    Status(StatusCode),
    /// An error in the body of a successful response.
    Provider,
    Failure(Failure),
    Cancelled,
}

impl ErrorType {
    pub(super) fn of_end(end: &EndEvent<'_>) -> Option<Self> {
        match end.outcome {
            Outcome::Complete | Outcome::Rejected => end
                .status
                .and_then(Self::of_status)
                .or_else(|| end.provider_error.map(|_| Self::Provider)),
            // The provider ended the stream with an error instead of a marker.
            Outcome::Broken
                if end.failure == Some(Failure::Unfinished) && end.provider_error.is_some() =>
            {
                Some(Self::Provider)
            }
            Outcome::Failed | Outcome::Broken => {
                Some(Self::Failure(end.failure.unwrap_or(Failure::Other)))
            }
            Outcome::Cancelled => Some(Self::Cancelled),
        }
    }

    pub(super) fn of_attempt(attempt: &AttemptEvent<'_>) -> Option<Self> {
        attempt.failure.map(Self::Failure).or_else(|| Self::of_status(attempt.status?))
    }

    fn of_status(status: StatusCode) -> Option<Self> {
        match status.as_u16() {
            0..400 => None,
            400..600 => Some(Self::Status(status)),
            // Statuses outside all classes must not create series.
            _ => Some(Self::Failure(Failure::Other)),
        }
    }

    pub(super) fn label(self) -> Cow<'static, str> {
        match self {
            Self::Status(status) => Cow::Owned(status.as_str().to_owned()),
            Self::Provider => Cow::Borrowed("provider"),
            Self::Failure(failure) => Cow::Borrowed(failure.as_str()),
            Self::Cancelled => Cow::Borrowed("cancelled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_outside_all_classes_share_one_error() {
        let of = |status| ErrorType::of_status(StatusCode::from_u16(status).unwrap());
        assert_eq!([200, 304, 399].map(of), [None; 3]);
        assert_eq!(of(429).unwrap().label(), "429");
        assert_eq!([600, 999].map(|status| of(status).unwrap().label()), ["other", "other"]);
    }
}
