//! Error codes of providers, as values of a label.

use super::known::{Id, Known};
use crate::usage::ProviderError;

/// Longer codes are not learned.
const LONGEST: usize = 64;

/// Codes, types and statuses that the APIs document: of OpenAI and compatible APIs, Anthropic, Google,
/// Cohere and Bedrock, and the statuses of OpenRouter and Cerebras.
const USUAL: &str = "
    server_error rate_limit_exceeded insufficient_quota invalid_api_key invalid_request_error
    model_not_found context_length_exceeded content_filter content_policy_violation invalid_prompt
    unsupported_parameter over_capacity tool_use_failed json_validate_failed

    api_error authentication_error billing_error not_found_error overloaded_error permission_error
    rate_limit_error request_too_large timeout_error

    DEADLINE_EXCEEDED FAILED_PRECONDITION INTERNAL INVALID_ARGUMENT NOT_FOUND PERMISSION_DENIED
    RESOURCE_EXHAUSTED UNAUTHENTICATED UNAVAILABLE SAFETY BLOCKLIST PROHIBITED_CONTENT MODEL_ARMOR
    JAILBREAK IMAGE_SAFETY OTHER

    ERROR ERROR_LIMIT ERROR_TOXIC TIMEOUT

    internalServerException modelStreamErrorException serviceUnavailableException
    throttlingException validationException

    400 401 402 403 404 408 422 429 498 500 502 503 504 529
";

/// The usual codes, with room for `most` others.
pub(super) fn known(most: usize) -> Known {
    let codes = Known::new(most);
    for code in USUAL.split_whitespace() {
        codes.add(code);
    }
    codes
}

/// The id of an error's code: `other` if the error has none or there is no room for it.
pub(super) fn id(codes: &Known, error: Option<&ProviderError>) -> Id {
    let learn = |code: &str| if is_code(code) { codes.learn(code) } else { Id::OTHER };
    match error.map(|error| error.code.as_deref()) {
        None => Id::NONE,
        Some(None) => Id::OTHER,
        Some(code) => codes.id_or(code, learn),
    }
}

/// Whether `text` looks like a code, and not like a sentence.
fn is_code(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Option<&str>) -> ProviderError {
        ProviderError { code: code.map(Box::from) }
    }

    #[test]
    fn usual_codes_are_known_and_others_learned_up_to_a_limit() {
        let codes = known(2);
        let of = |code: Option<&str>| id(&codes, Some(&error(code)));
        assert_eq!(id(&codes, None), Id::NONE);
        assert_eq!(of(None), Id::OTHER, "an error without a code is one all the same");
        for text in ["what went wrong", "", "sk-abcdef012345", &"x".repeat(65)] {
            assert_eq!(of(Some(text)), Id::OTHER, "{text}");
        }
        let [a, b] = ["own.a", "own-b"].map(|code| of(Some(code)));
        assert!(a != Id::OTHER && b != Id::OTHER && a != b);
        assert_eq!(of(Some("own_c")), Id::OTHER);
        assert_eq!(of(Some("own.a")), a);
        for code in USUAL.split_whitespace() {
            assert_ne!(of(Some(code)), Id::OTHER, "{code}");
        }
    }
}
