//! Decides which responses report new usage, and which repeat usage that was billed before.

use http::{Method, StatusCode};

use crate::util::operation::{Operation, is_call};
use crate::util::segment_behind::{behind_responses, is_stored_id, segment_behind};

#[cfg(test)]
mod tests;

/// Whether a response is billed, and its usage counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billing<'a> {
    Always,
    /// Billed when usage is first seen for this id, because a client may fetch it again.
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
    /// The slug of the built-in provider; empty for a custom one.
    pub(crate) kind: &'a str,
    pub(crate) rest: &'a str,
    pub(crate) status: StatusCode,
}

impl Call<'_> {
    /// Returns true if the call orders an answer that is made later, by its path or by the status of
    /// its answer. Bodies may say so too.
    pub(crate) fn is_order(&self) -> bool {
        is_call(self.method)
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
        _ if is_call(call.method) => posted(call),
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
    let rest = call.rest.trim_end_matches('/');
    // The most frequent calls first.
    if matches!(call.operation, Chat | Completions | Embeddings | Messages) {
        return if is_stored_chat(rest) { Billing::Never } else { Billing::Always };
    }
    let last = rest.rsplit('/').next().unwrap_or_default();
    match call.operation {
        Operation::CountTokens | Operation::Files | Operation::Batches => Billing::Never,
        // Mistral's moderations are not free.
        Operation::Moderations if call.kind == "openai" => Billing::Never,
        // Everything else under `responses/{id}` returns something stored.
        Operation::Responses if behind_responses(rest).is_some() => Billing::Never,
        Operation::Interactions if interaction(rest).is_some() => Billing::Never,
        Operation::Invoke | Operation::Other if is_cancellation(rest, last) => Billing::Never,
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
        Operation::Other => posted_elsewhere(call.kind, rest, last),
        _ => Billing::Always,
    }
}

/// Returns true for `chat/completions/{id}`, where new metadata of a stored answer are posted.
fn is_stored_chat(rest: &str) -> bool {
    let Some((behind, id)) = rest.rsplit_once('/') else { return false };
    let chat = behind.strip_suffix("/completions").filter(|_| is_stored_id(id));
    chat.is_some_and(|chat| chat == "chat" || chat.ends_with("/chat"))
}

/// The id of a stored interaction.
fn interaction(rest: &str) -> Option<&str> {
    segment_behind(rest, "interactions").filter(|id| is_stored_id(id))
}

/// Returns true if the call cancels what was started, at an API that has such a call.
fn is_cancellation(rest: &str, last: &str) -> bool {
    let is_started = |segment: &str| {
        matches!(
            segment,
            "predictions"
                | "fine_tuning"
                | "threads"
                | "evals"
                | "vector_stores"
                | "operations"
                | "tuningJobs"
        )
    };
    (last == "cancel" || last.ends_with(":cancel")) && rest.split('/').any(is_started)
}

/// Returns true for requests for tokens with which a client opens its connection.
fn is_token_for_client(last: &str) -> bool {
    matches!(last, "client_secrets" | "sessions" | "transcription_sessions")
}

fn posted_elsewhere<'a>(kind: &str, rest: &str, last: &str) -> Billing<'a> {
    let has = |name| segment_behind(rest, name).is_some() || last == name;
    match last {
        "check-api-key" | "tcp_warming" | "auth_tokens" | "authTokens" => Billing::Never,
        // OpenAI stores turns for free; Mistral answers them.
        _ if kind == "openai" && has("conversations") => Billing::Never,
        _ if has("threads") && !has("runs") => Billing::Never,
        // Anthropic's sessions report their total usage.
        _ if kind == "anthropic" && has("sessions") => Billing::Unknown,
        _ => Billing::Always,
    }
}

/// Returns true for Perplexity's asynchronous requests.
fn is_answered_later(call: &Call<'_>) -> bool {
    call.kind == "perplexity-ai" && segment_behind(call.rest, "async").is_some()
}

/// The id of a stored response, which may have been generated in the background.
fn stored<'a>(call: &Call<'a>) -> Option<&'a str> {
    let rest = call.rest;
    let id = match call.operation {
        Operation::Responses => behind_responses(rest),
        Operation::Interactions => interaction(rest),
        _ if is_answered_later(call) => {
            segment_behind(rest, "completions").or_else(|| segment_behind(rest, "sonar"))
        }
        _ => None,
    }?;
    // Exclude its items and other parts.
    rest.trim_end_matches('/').ends_with(id).then_some(id)
}
