//! The codes of errors, with status, name and type in each format.

use http::StatusCode;

/// A number that identifies the error, whatever its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Malformed,
    NoSuchEndpoint,
    MethodNotAllowed,
    UnknownProvider,
    UnknownGateway,
    UnknownAlias,
    Unauthorized,
    NoKey,
    Forbidden,
    BodyTooLarge,
    Internal,
    /// The request body has a transfer coding that is not undone here.
    UnknownCoding,
    UpstreamFailed,
    Overloaded,
    Timeout,
    /// The client's request body did not arrive in time.
    SlowBody,
    /// WebSocket, which is not supported here.
    UpgradeRequired,
    /// From a [`Refusal`](super::Refusal).
    Host {
        status: StatusCode,
        number: u16,
    },
}

impl Code {
    pub(crate) fn number(self) -> u16 {
        self.row().0
    }

    pub(crate) fn status(self) -> StatusCode {
        self.row().1
    }

    pub(super) fn name(self) -> &'static str {
        self.row().2
    }

    /// The number, the status and the name.
    fn row(self) -> (u16, StatusCode, &'static str) {
        match self {
            Self::Malformed => (2400, StatusCode::BAD_REQUEST, "malformed_request"),
            Self::NoSuchEndpoint => (2400, StatusCode::NOT_FOUND, "no_such_endpoint"),
            Self::MethodNotAllowed => (2400, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::UnknownProvider => (2008, StatusCode::BAD_REQUEST, "unknown_provider"),
            Self::UnknownGateway => (2001, StatusCode::BAD_REQUEST, "unknown_gateway"),
            Self::UnknownAlias => (2040, StatusCode::BAD_REQUEST, "unknown_key_alias"),
            Self::Unauthorized => (2009, StatusCode::UNAUTHORIZED, "invalid_gateway_token"),
            Self::NoKey => (2401, StatusCode::UNAUTHORIZED, "no_provider_key"),
            Self::Forbidden => (2403, StatusCode::FORBIDDEN, "not_allowed"),
            Self::BodyTooLarge => (2413, StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Internal => (2500, StatusCode::INTERNAL_SERVER_ERROR, "gateway_error"),
            Self::UnknownCoding => (2501, StatusCode::NOT_IMPLEMENTED, "unknown_transfer_coding"),
            Self::UpstreamFailed => (2005, StatusCode::BAD_GATEWAY, "provider_unreachable"),
            Self::Overloaded => (2503, StatusCode::SERVICE_UNAVAILABLE, "gateway_overloaded"),
            Self::Timeout => (2504, StatusCode::GATEWAY_TIMEOUT, "provider_timeout"),
            Self::SlowBody => (2504, StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::UpgradeRequired => {
                (2426, StatusCode::UPGRADE_REQUIRED, "websocket_not_supported")
            }
            Self::Host { status, number } => {
                let name = match status.as_u16() {
                    400 => "malformed_request",
                    401 => "unauthorized",
                    403 => "not_allowed",
                    404 => "not_found",
                    413 => "body_too_large",
                    429 => "rate_limited",
                    503 => "unavailable",
                    _ => "refused",
                };
                (number, status, name)
            }
        }
    }

    pub(super) fn openai_type(self) -> &'static str {
        if self.status() == StatusCode::UNAUTHORIZED {
            return "authentication_error";
        }
        if self.status() == StatusCode::TOO_MANY_REQUESTS {
            return "rate_limit_error";
        }
        if self.status().is_client_error() { "invalid_request_error" } else { "api_error" }
    }

    pub(super) fn anthropic_type(self) -> &'static str {
        match self {
            Self::NoSuchEndpoint => "not_found_error",
            Self::Unauthorized | Self::NoKey => "authentication_error",
            Self::Forbidden => "permission_error",
            Self::BodyTooLarge => "request_too_large",
            Self::Overloaded => "overloaded_error",
            Self::Timeout | Self::SlowBody => "timeout_error",
            Self::Host { status, .. } => match status.as_u16() {
                401 => "authentication_error",
                402 => "billing_error",
                403 => "permission_error",
                404 => "not_found_error",
                408 | 504 => "timeout_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                503 | 529 => "overloaded_error",
                400..500 => "invalid_request_error",
                _ => "api_error",
            },
            _ if self.status().is_client_error() => "invalid_request_error",
            _ => "api_error",
        }
    }
}
