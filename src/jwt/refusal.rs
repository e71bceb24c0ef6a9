//! The response to a request without a valid token.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode};

use super::body::JwtBody;
use super::error::JwtError;
use crate::json::string;
use crate::rejection::SHOULD_RETRY;

/// Seconds until keys that could not be fetched may be available.
const KEYS_MAY_COME: u16 = 5;

/// The response in the format of the gateway's own errors: Anthropic's on `messages`, otherwise
/// OpenAI's.
pub(super) fn response<B>(error: &JwtError, method: &Method, path: &str) -> Response<JwtBody<B>> {
    let is_keys = matches!(error, JwtError::Keys(_));
    let is_messages = path.ends_with("/messages") || path.contains("/messages/");
    let (status, number) = if is_keys {
        (StatusCode::SERVICE_UNAVAILABLE, "2503")
    } else {
        (StatusCode::UNAUTHORIZED, "2009")
    };
    let mut message = String::new();
    string::write(&error.to_string(), &mut message);
    let error_json = match (is_messages, is_keys) {
        (true, true) => format!(r#"{{"type":"api_error","message":{message}}}"#),
        (true, false) => format!(r#"{{"type":"authentication_error","message":{message}}}"#),
        (false, true) => format!(
            r#"{{"message":{message},"type":"api_error","code":"keys_unavailable","param":null}}"#
        ),
        (false, false) => format!(
            r#"{{"message":{message},"type":"authentication_error","code":"invalid_token","param":null}}"#
        ),
    };
    let begin = if is_messages { r#"{"type":"error","error":"# } else { r#"{"error":"# };
    let mut body = format!(r#"{begin}{error_json},"gateway":{{"code":{number}}}}}"#);
    let length = HeaderValue::from(body.len());
    if *method == Method::HEAD {
        body.clear();
    }
    let mut response = Response::new(JwtBody::refused(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let retry = if is_keys { "true" } else { "false" };
    headers.insert(SHOULD_RETRY, HeaderValue::from_static(retry));
    if is_keys {
        headers.insert(RETRY_AFTER, HeaderValue::from(KEYS_MAY_COME));
    } else {
        // Without any token, the challenge has no error (RFC 6750 §3).
        let challenge = match error {
            JwtError::Missing => "Bearer",
            _ => r#"Bearer error="invalid_token""#,
        };
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body::Body as _;
    use http_body_util::Empty;

    use super::*;

    #[test]
    fn an_answer_to_head_has_the_length_of_the_body_alone() {
        let answer = |method| response::<Empty<Bytes>>(&JwtError::Missing, &method, "/v1/models");
        let (get, head) = (answer(Method::GET), answer(Method::HEAD));
        let length = get.body().size_hint().exact().unwrap();
        assert!(length > 0);
        assert_eq!(head.body().size_hint().exact(), Some(0));
        assert_eq!(head.headers()[CONTENT_LENGTH], length.to_string());
    }
}
