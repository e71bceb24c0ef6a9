//! Decides which responses report new usage, and which repeat usage that was billed before.

use http::{Method, StatusCode};

use crate::util::operation::Operation;

/// Whether a response is billed, and its usage counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billing<'a> {
    Always,
    /// Billed when usage is first seen for this id: a client may fetch it again.
    Once {
        id: &'a str,
    },
    /// Billed if it reports usage. If not, the work has started, and a later response reports it.
    IfReported,
    /// Billed, but its usage does not determine the cost.
    Unknown,
    /// Billed when usage is first seen for this id, and only if the response was generated after
    /// its request was answered. Other stored responses were billed with their request.
    Later {
        id: &'a str,
    },
    Never,
}

/// The call that determines the billing. `rest` is the path after the provider's slug, without a
/// query.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) operation: Operation,
    pub(crate) provider: &'a str,
    pub(crate) rest: &'a str,
    pub(crate) status: StatusCode,
}

impl Call<'_> {
    /// Returns true if this orders an answer that is made later, by its path or by the status of its
    /// answer. Bodies may say so too.
    pub(crate) fn is_order(&self) -> bool {
        *self.method == Method::POST
            && self.status.is_success()
            && (is_answered_later(self) || self.status == StatusCode::ACCEPTED)
    }
}

pub(crate) fn billing<'a>(call: &Call<'a>) -> Billing<'a> {
    // The work was accepted and is not done.
    if call.status == StatusCode::ACCEPTED {
        return Billing::Never;
    }
    match *call.method {
        Method::GET => fetched(call),
        Method::POST => posted(call),
        _ => Billing::Never,
    }
}

/// Stored responses, lists and pages of batch results are never new. A deferred completion can
/// be fetched once, a video any number of times.
fn fetched<'a>(call: &Call<'a>) -> Billing<'a> {
    let Call { operation, rest, .. } = *call;
    if let Some(id) = stored(call) {
        return Billing::Later { id };
    }
    match (operation, segment_behind(rest, "deferred-completion"), segment_behind(rest, "videos")) {
        (Operation::Chat, Some(_), _) => Billing::Always,
        (Operation::Videos, _, Some(id)) => Billing::Once { id },
        _ => Billing::Never,
    }
}

fn posted<'a>(call: &Call<'a>) -> Billing<'a> {
    use Operation::{Chat, Completions, Embeddings, Messages};
    if is_answered_later(call) {
        return Billing::Never;
    }
    // The most frequent calls first.
    if matches!(call.operation, Chat | Completions | Embeddings | Messages) {
        return Billing::Always;
    }
    let rest = call.rest.trim_end_matches('/');
    let last = rest.rsplit('/').next().unwrap_or_default();
    if last == "cancel" || last.ends_with(":cancel") {
        return Billing::Never;
    }
    match call.operation {
        Operation::CountTokens | Operation::Files | Operation::Batches => Billing::Never,
        // Mistral's moderations are not free.
        Operation::Moderations if call.provider == "openai" => Billing::Never,
        // Everything else under `responses/{id}` returns something stored.
        Operation::Responses if segment_behind(rest, "responses").is_some() => Billing::Never,
        Operation::Interactions if segment_behind(rest, "interactions").is_some() => Billing::Never,
        // Tokens are billed per hour of storage.
        Operation::CachedContents => Billing::Unknown,
        // Polls.
        Operation::Videos if last.ends_with("fetchPredictOperation") => Billing::Never,
        // The start of a video. Google's polls do not report usage, so the cost is unknown from the
        // start.
        Operation::Videos if last.contains("predictLongRunning") => Billing::Always,
        Operation::Videos => Billing::IfReported,
        // Ollama's requests for details.
        Operation::Models if matches!(last, "show" | "tags" | "ps") => Billing::Never,
        Operation::Realtime if is_token_for_client(last) => Billing::Never,
        Operation::Other => posted_elsewhere(call.provider, rest, last),
        _ => Billing::Always,
    }
}

/// Returns true for requests for tokens with which a client opens its connection.
fn is_token_for_client(last: &str) -> bool {
    matches!(last, "client_secrets" | "sessions" | "transcription_sessions")
}

fn posted_elsewhere<'a>(provider: &str, rest: &str, last: &str) -> Billing<'a> {
    let has = |name| segment_behind(rest, name).is_some() || last == name;
    match last {
        "check-api-key" | "tcp_warming" | "auth_tokens" | "authTokens" => Billing::Never,
        // OpenAI stores turns for free; Mistral answers them.
        _ if provider == "openai" && has("conversations") => Billing::Never,
        _ if has("threads") && !has("runs") => Billing::Never,
        // Anthropic's sessions report their total usage.
        _ if provider == "anthropic" && has("sessions") => Billing::Unknown,
        _ => Billing::Always,
    }
}

/// Returns true for Perplexity's asynchronous requests.
fn is_answered_later(call: &Call<'_>) -> bool {
    call.provider == "perplexity-ai" && segment_behind(call.rest, "async").is_some()
}

/// The id of a stored response, which may have been generated in the background.
fn stored<'a>(call: &Call<'a>) -> Option<&'a str> {
    let rest = call.rest;
    let behind = match call.operation {
        Operation::Responses => &["responses"][..],
        Operation::Interactions => &["interactions"],
        _ if is_answered_later(call) => &["completions", "sonar"],
        _ => return None,
    };
    let id = behind.iter().find_map(|name| segment_behind(rest, name))?;
    // Exclude its items and other parts.
    rest.trim_end_matches('/').ends_with(id).then_some(id)
}

pub(super) fn segment_behind<'a>(rest: &'a str, name: &str) -> Option<&'a str> {
    let mut segments = rest.split('/').filter(|segment| !segment.is_empty());
    segments.find(|segment| *segment == name)?;
    segments.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(method: &str, rest: &'a str, status: u16) -> Billing<'a> {
        at("grok", method, rest, status)
    }

    fn at<'a>(provider: &str, method: &str, rest: &'a str, status: u16) -> Billing<'a> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let operation = Operation::of(rest);
        match billing(&Call { method: &method, operation, provider, rest, status }) {
            Billing::Once { id } => {
                let at = rest.find(id).unwrap();
                Billing::Once { id: &rest[at..at + id.len()] }
            }
            Billing::Later { id } => {
                let at = rest.find(id).unwrap();
                Billing::Later { id: &rest[at..at + id.len()] }
            }
            Billing::Always => Billing::Always,
            Billing::IfReported => Billing::IfReported,
            Billing::Unknown => Billing::Unknown,
            Billing::Never => Billing::Never,
        }
    }

    #[test]
    fn new_work_is_billed() {
        for rest in [
            "v1/chat/completions",
            "chat/completions",
            "v1/responses",
            "v1/responses/",
            "v1/messages",
            "v1/completions",
            "v1/embeddings",
            "v1/images/generations",
            "v1/images/edits",
            "v1/something/new",
        ] {
            assert_eq!(of("POST", rest, 200), Billing::Always, "{rest}");
        }
        assert_eq!(of("GET", "v1/chat/deferred-completion/r1", 200), Billing::Always);
    }

    #[test]
    fn what_is_free_or_repeats_old_usage_is_not() {
        for (method, rest, status) in [
            ("POST", "v1/messages/count_tokens", 200),
            ("POST", "v1/responses/input_tokens", 200),
            ("POST", "v1beta/models/gemini:countTokens", 200),
            ("POST", "v1/projects/p/locations/r/publishers/google/models/g:computeTokens", 200),
            (
                "POST",
                "v1/projects/p/locations/r/publishers/anthropic/models/count-tokens:rawPredict",
                200,
            ),
            ("POST", "model/a.b/count-tokens", 200),
            ("POST", "v1/tokenize", 200),
            ("POST", "v1/detokenize", 200),
            ("POST", "v1/check-api-key", 200),
            ("POST", "v1/tokenizers/estimate-token-count", 200),
            ("POST", "v1/tokenize-text", 200),
            ("GET", "v1/tcp_warming", 200),
            ("POST", "v1/tcp_warming", 200),
            ("GET", "generation", 200),
            ("GET", "key", 200),
            ("GET", "user/balance", 200),
            ("DELETE", "v1/files/f1", 200),
            ("POST", "upload/v1beta/files", 200),
            ("POST", "v1/uploads/u/parts", 200),
            ("POST", "v1beta/interactions/i_1/cancel", 200),
            ("POST", "v1/batches/b_1:cancel", 200),
            ("POST", "v1/predictions/p_1/cancel", 200),
            ("POST", "v1/realtime/client_secrets", 200),
            ("POST", "api/show", 200),
            ("POST", "v1/threads/t_1/messages", 200),
            ("POST", "v1/publishers/google/models/veo:fetchPredictOperation", 200),
            ("GET", "v1beta/cachedContents/c_1", 200),
            ("GET", "v1/responses/resp_1/input_items", 200),
            ("GET", "v1/responses", 200),
            ("POST", "v1beta/interactions/i1/cancel", 200),
            ("DELETE", "v1/responses/resp_1", 200),
            ("POST", "v1/responses/resp_1/cancel", 200),
            ("GET", "v1/batches/b1/results", 200),
            ("POST", "v1/batches", 200),
            ("GET", "v1/messages/batches/b1/results", 200),
            ("POST", "v1/messages/batches", 200),
            ("GET", "v1/models", 200),
            ("GET", "v1/language-models/grok-4.3", 200),
            ("GET", "v1/files/f1/content", 200),
            ("POST", "v1/files", 200),
            ("GET", "v1/chat/completions/c1", 200),
            ("GET", "v1/chat/deferred-completion/r1", 202),
            ("GET", "v1/videos/r1", 202),
            ("GET", "v1/videos", 200),
            ("HEAD", "v1/chat/completions", 200),
        ] {
            assert_eq!(of(method, rest, status), Billing::Never, "{method} {rest} {status}");
        }
    }

    #[test]
    fn what_is_made_later_is_billed_once() {
        for (rest, id) in [
            ("v1/responses/resp_1", "resp_1"),
            ("responses/resp_1/", "resp_1"),
            ("v1beta/interactions/i1", "i1"),
        ] {
            assert_eq!(of("GET", rest, 200), Billing::Later { id }, "{rest}");
        }
        for rest in ["v1/async/sonar", "async/chat/completions"] {
            let at = |method, rest| at("perplexity-ai", method, rest, 200);
            assert_eq!(at("POST", rest), Billing::Never, "{rest}");
            assert_eq!(at("GET", rest), Billing::Never, "{rest}");
            assert_eq!(at("GET", &format!("{rest}/a1")), Billing::Later { id: "a1" }, "{rest}");
        }
        assert_eq!(of("POST", "v1beta/interactions", 200), Billing::Always);
    }

    #[test]
    fn a_video_is_billed_once() {
        assert_eq!(of("GET", "v1/videos/r1", 200), Billing::Once { id: "r1" });
        assert_eq!(of("POST", "v1/videos/generations", 200), Billing::IfReported);
        assert_eq!(of("POST", "v1/videos", 200), Billing::IfReported);
        assert_eq!(of("POST", "v1beta/models/veo:predictLongRunning", 200), Billing::Always);
    }

    #[test]
    fn what_looks_free_and_is_not_is_billed() {
        for (provider, rest, expected) in [
            ("openai", "v1/moderations", Billing::Never),
            ("mistral", "v1/moderations", Billing::Always),
            ("mistral", "v1/chat/moderations", Billing::Always),
            ("custom-own", "v1/moderations", Billing::Always),
            ("mistral", "v1/ocr", Billing::Always),
            ("openai", "responses/compact", Billing::Always),
            ("openai", "v1/containers", Billing::Always),
            ("openai", "v1/vector_stores", Billing::Always),
            ("openai", "v1/realtime/calls", Billing::Always),
            ("openai", "v1/threads/t_1/runs", Billing::Always),
            ("openai", "v1/conversations", Billing::Never),
            ("mistral", "v1/conversations", Billing::Always),
            ("google-ai-studio", "v1beta/cachedContents", Billing::Unknown),
            ("anthropic", "v1/sessions/s_1", Billing::Unknown),
            ("custom-own", "v1/models/owner/name", Billing::Always),
            ("custom-own", "v1/models/owner/name/predictions", Billing::Always),
        ] {
            assert_eq!(at(provider, "POST", rest, 200), expected, "{provider} {rest}");
        }
    }
}
