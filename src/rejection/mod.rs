//! The gateway's own errors, as responses that the caller's SDK can parse.

mod code;
mod refusal;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

pub(crate) use self::code::Code;
pub use self::refusal::Refusal;
pub(crate) use self::refusal::no_gateway;
use crate::json::string;
use crate::util::log_id::LogId;
use crate::util::seconds;

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
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds::rounded_up(after)));
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
    fn openai_and_anthropic_sdks_each_get_their_format() {
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
    fn a_hosts_refusal_is_in_the_callers_format() {
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
    fn the_cloudflare_format_is_the_hosted_gateways() {
        let (error, _) = body("chat/completions", ErrorFormat::Cloudflare);
        let expected = json!({
            "success": false, "result": [], "messages": [], "error": [{"code": 2008, "message": "no \"x\""}],
            "name": "AiGatewayError", "httpCode": 400, "internalCode": 2008, "message": "no \"x\"", "description": "no \"x\"",
        });
        assert_eq!(error, expected);
    }
}
