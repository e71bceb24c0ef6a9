//! Classifies errors in response bodies.

use http::StatusCode;

use super::meter::ProviderError;

/// Words in error codes and types, with the matching status. Providers spell the same thing in many
/// ways (`rate_limit_error`, `RESOURCE_EXHAUSTED`, `throttlingException`) and change the spelling
/// between releases, so only letters are compared. The first match counts.
const KINDS: [(u16, &[&str]); 11] = [
    (402, &["billing", "insufficientquota", "insufficientbalance", "credit", "payment"]),
    (429, &["ratelimit", "resourceexhausted", "throttl", "toomanyrequests"]),
    (529, &["overloaded"]),
    (503, &["unavailable", "capacity"]),
    (504, &["timeout", "timedout", "deadline"]),
    (401, &["authentication", "unauthenticated", "unauthorized", "apikey"]),
    (403, &["permission", "forbidden", "accessdenied"]),
    (404, &["notfound"]),
    (409, &["conflict", "aborted"]),
    (400, &["invalid", "badrequest", "validation", "precondition", "unsupported", "contextlength"]),
    (500, &["internal", "servererror", "apierror", "streamerror"]),
];

/// Gemini's reasons for blocking a prompt.
const BLOCKED: [&str; 7] = [
    "SAFETY",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "MODEL_ARMOR",
    "JAILBREAK",
    "IMAGE_SAFETY",
    "OTHER",
];

impl ProviderError {
    /// The status that such an error usually has; `None` if the provider's code does not tell.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        let code = self.code.as_deref()?;
        if let Ok(number) = code.trim().parse::<u16>() {
            let is_error = (400..600).contains(&number);
            return StatusCode::from_u16(number).ok().filter(|_| is_error);
        }
        let letters = code.chars().filter(char::is_ascii_alphabetic);
        let letters: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
        let is_among = |words: &[&str]| words.iter().any(|word| letters.contains(word));
        let (status, _) = KINDS.iter().find(|(_, words)| is_among(words))?;
        StatusCode::from_u16(*status).ok()
    }

    /// Returns true if the provider's policy rejects the prompt. That is an answer and must not
    /// lead to a fallback.
    pub(crate) fn is_refusal(&self) -> bool {
        self.code.as_deref().is_some_and(|code| BLOCKED.contains(&code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: &str) -> Option<u16> {
        let error = ProviderError { code: Some(code.into()) };
        error.status().map(|status| status.as_u16())
    }

    #[test]
    fn the_kind_of_an_error_follows_from_its_code() {
        for (code, expected) in [
            ("overloaded_error", Some(529)),
            ("rate_limit_error", Some(429)),
            ("rate_limit_exceeded", Some(429)),
            ("RESOURCE_EXHAUSTED", Some(429)),
            ("throttlingException", Some(429)),
            ("insufficient_quota", Some(402)),
            ("billing_error", Some(402)),
            ("timeout_error", Some(504)),
            ("DEADLINE_EXCEEDED", Some(504)),
            ("api_error", Some(500)),
            ("server_error", Some(500)),
            ("InternalServerError", Some(500)),
            ("modelStreamErrorException", Some(500)),
            ("serviceUnavailableException", Some(503)),
            ("The service is currently unavailable", Some(503)),
            ("invalid-argument", Some(400)),
            ("Client specified an invalid argument", Some(400)),
            ("invalid_request_error", Some(400)),
            ("validationException", Some(400)),
            ("invalid_api_key", Some(401)),
            ("authentication_error", Some(401)),
            ("permission_error", Some(403)),
            ("Some requested entity was not found", Some(404)),
            ("502", Some(502)),
            ("429", Some(429)),
            ("200", None),
            ("70000", None),
            ("oops", None),
            ("", None),
        ] {
            assert_eq!(status(code), expected, "{code}");
        }
        assert_eq!(ProviderError { code: None }.status(), None);
    }

    #[test]
    fn a_blocked_prompt_is_an_answer() {
        for code in BLOCKED {
            assert!(ProviderError { code: Some(code.into()) }.is_refusal());
        }
        assert!(!ProviderError { code: Some("overloaded_error".into()) }.is_refusal());
        assert!(!ProviderError { code: None }.is_refusal());
    }
}
