//! The gateway's own errors, as responses that the caller's SDK can parse.

mod refusal;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

pub use self::refusal::Refusal;
pub(crate) use self::refusal::no_gateway;
use crate::json::string;
use crate::util::log_id::LogId;

pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The format of the gateway's own error bodies.
///
/// ```
/// use tower_ai_gateway::{ErrorFormat, GatewayLayer, Provider};
///
/// let gateway = GatewayLayer::builder()
///     .provider(Provider::xai())
///     .error_format(ErrorFormat::Cloudflare)
///     .build()?;
/// # let _ = gateway;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorFormat {
    /// The caller's SDK format: Anthropic's on `messages`, OpenAI's elsewhere.
    #[default]
    Provider,
    /// The envelope of Cloudflare's hosted gateway, with `success`, `error` and `internalCode`.
    Cloudflare,
}

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
    UpstreamFailed,
    Overloaded,
    Timeout,
    /// The client's request body did not arrive in time.
    SlowBody,
    /// WebSocket, which is not supported here.
    UpgradeRequired,
    /// From a [`Refusal`].
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

    fn name(self) -> &'static str {
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

    fn openai_type(self) -> &'static str {
        if self.status() == StatusCode::UNAUTHORIZED {
            return "authentication_error";
        }
        if self.status() == StatusCode::TOO_MANY_REQUESTS {
            return "rate_limit_error";
        }
        if self.status().is_client_error() { "invalid_request_error" } else { "api_error" }
    }

    fn anthropic_type(self) -> &'static str {
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

/// What the format of an error response depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) log_id: LogId,
    /// For Anthropic's Messages API, including its subpaths.
    pub(crate) is_of_messages: bool,
    /// The request used CONNECT (RFC 8441).
    pub(crate) by_connect: bool,
}

/// A request that the gateway answers with an error.
#[derive(Clone, Debug)]
pub(crate) struct Rejection {
    pub(crate) code: Code,
    /// The host's name for the error, which replaces the code's own.
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) message: Cow<'static, str>,
    /// The header or body member at fault.
    pub(crate) param: Option<Cow<'static, str>>,
    /// Whether a retry can help; `None` if unknown.
    pub(crate) retry: Option<bool>,
    /// How long to wait before a retry.
    pub(crate) retry_after: Option<Duration>,
}

impl Rejection {
    /// An error that the client must fix before it retries.
    pub(crate) fn of_request(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code, message.into(), Some(false))
    }

    pub(crate) fn of_upstream(code: Code, message: &'static str, retry: Option<bool>) -> Self {
        Self::new(code, Cow::Borrowed(message), retry)
    }

    fn new(code: Code, message: Cow<'static, str>, retry: Option<bool>) -> Self {
        Self { code, name: None, message, param: None, retry, retry_after: None }
    }

    pub(crate) fn param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    pub(crate) fn into_response(self, asked: Asked, format: ErrorFormat) -> Response<Bytes> {
        let body = match format {
            ErrorFormat::Provider => self.provider_body(asked),
            ErrorFormat::Cloudflare => self.cloudflare_body(),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(retry) = self.retry {
            let value = if retry { "true" } else { "false" };
            headers.insert(SHOULD_RETRY, HeaderValue::from_static(value));
        }
        if let Some(after) = self.retry_after {
            // Round up to whole seconds.
            let seconds = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0));
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::MethodNotAllowed {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        // Extended CONNECT over HTTP/2 has no such fields (RFC 9113 §8.2.2).
        if self.code == Code::UpgradeRequired && !asked.by_connect {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn provider_body(&self, asked: Asked) -> String {
        let mut json = String::with_capacity(256 + self.message.len());
        if asked.is_of_messages {
            json.push_str(r#"{"type":"error","error":{"type":""#);
            json.push_str(self.code.anthropic_type());
            json.push_str(r#"","message":"#);
            string::write(&self.message, &mut json);
        } else {
            json.push_str(r#"{"error":{"message":"#);
            string::write(&self.message, &mut json);
            json.push_str(r#","type":""#);
            json.push_str(self.code.openai_type());
            json.push_str(r#"","code":"#);
            string::write(self.name.as_deref().unwrap_or(self.code.name()), &mut json);
            json.push_str(r#","param":"#);
            match &self.param {
                Some(param) => string::write(param, &mut json),
                None => json.push_str("null"),
            }
        }
        json.push_str(r#"},"gateway":{"code":"#);
        json.push_str(&self.code.number().to_string());
        json.push_str(r#","log_id":""#);
        json.push_str(&asked.log_id.to_string());
        json.push_str(r#""}}"#);
        json
    }

    /// The hosted gateway's format: `error` is an array, and the message appears three times.
    fn cloudflare_body(&self) -> String {
        let mut message = String::new();
        string::write(&self.message, &mut message);
        let (code, status) = (self.code.number(), self.code.status().as_u16());
        format!(
            r#"{{"success":false,"result":[],"messages":[],"error":[{{"code":{code},"message":{message}}}],"name":"AiGatewayError","httpCode":{status},"internalCode":{code},"message":{message},"description":{message}}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Arrival, Endpoint, GatewayContext};
    use http::{Method, Uri};
    use serde_json::{Value, json};

    fn body(endpoint: &'static str, format: ErrorFormat) -> (Value, GatewayContext) {
        let uri = Uri::from_static("/v1/a/g/grok/x?key=secret");
        let endpoint = Endpoint::Unified(endpoint);
        let context = GatewayContext::new(Arrival::new(Method::POST, uri, endpoint), None);
        let rejection = Rejection::of_request(Code::UnknownProvider, "no \"x\"").param("model");
        let response = rejection.into_response(context.asked(), format);
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()[SHOULD_RETRY], "false");
        (serde_json::from_slice(response.body()).unwrap(), context)
    }

    #[test]
    fn openai_and_anthropic_sdks_each_get_their_shape() {
        let (error, context) = body("chat/completions", ErrorFormat::Provider);
        let gateway = json!({"code": 2008, "log_id": context.log_id().to_string()});
        let expected = json!({
            "error": {"message": "no \"x\"", "type": "invalid_request_error", "code": "unknown_provider", "param": "model"},
            "gateway": gateway,
        });
        assert_eq!(error, expected);

        let (error, context) = body("messages", ErrorFormat::Provider);
        let expected = json!({
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "no \"x\""},
            "gateway": {"code": 2008, "log_id": context.log_id().to_string()},
        });
        assert_eq!(error, expected);
    }

    #[test]
    fn a_hosts_refusal_is_in_the_callers_shape() {
        let refusal = || {
            let refusal = Refusal::rate_limited("slow \"down\"\r\n\u{1}").name("too\nfast");
            Rejection::from(refusal.code(9001).retry_after(Duration::from_millis(1500)))
        };
        let arrival = |endpoint| {
            let endpoint = Endpoint::Unified(endpoint);
            Arrival::new(Method::POST, Uri::from_static("/"), endpoint)
        };
        let context = GatewayContext::new(arrival("chat/completions"), None);
        let response = refusal().into_response(context.asked(), ErrorFormat::Provider);
        assert_eq!(
            (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
            (429, &"2".parse().unwrap())
        );
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        let expected = json!({
            "error": {"message": "slow \"down\"\r\n\u{1}", "type": "rate_limit_error", "code": "too\nfast", "param": null},
            "gateway": {"code": 9001, "log_id": context.log_id().to_string()},
        });
        assert_eq!(body, expected);

        let context = GatewayContext::new(arrival("messages"), None);
        let response = refusal().into_response(context.asked(), ErrorFormat::Provider);
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            body["error"],
            json!({"type": "rate_limit_error", "message": "slow \"down\"\r\n\u{1}"})
        );
        assert_eq!(body["gateway"]["code"], 9001);

        let response = refusal().into_response(context.asked(), ErrorFormat::Cloudflare);
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((&body["httpCode"], &body["internalCode"]), (&json!(429), &json!(9001)));
    }

    #[test]
    fn the_hosted_gateways_envelope() {
        let (error, _) = body("chat/completions", ErrorFormat::Cloudflare);
        let expected = json!({
            "success": false, "result": [], "messages": [], "error": [{"code": 2008, "message": "no \"x\""}],
            "name": "AiGatewayError", "httpCode": 400, "internalCode": 2008, "message": "no \"x\"", "description": "no \"x\"",
        });
        assert_eq!(error, expected);
    }
}
