//! Which calls the cache may serve, by their operation and path.

use crate::util::operation::Operation;

/// Whether a POST on this path has no effect but its response. False for calls that change or start
/// something at the provider: files, batches, videos, voices, stored or polled objects, open connections.
pub(super) fn is_repeatable(operation: Operation, path: &str) -> bool {
    use Operation::*;
    let path = path.trim_end_matches('/').as_bytes();
    let segments = || path.split(|byte| *byte == b'/');
    let mut last = &[][..];
    for segment in segments() {
        // Perplexity's deferred responses.
        if segment == b"async" {
            return false;
        }
        last = segment;
    }
    // The path may go on with the id of a stored object and an action on it.
    match operation {
        Chat => matches!(last, b"completions" | b"chat" | b"sonar") || is_raw(last),
        Messages => last == b"messages" || is_raw(last),
        Responses => matches!(last, b"responses" | b"agent"),
        Interactions => last == b"interactions",
        Completions => matches!(last, b"completions" | b"complete" | b"generate"),
        // Replicate starts predictions, which clients poll.
        Invoke => !segments().any(|segment| segment == b"predictions"),
        Compact | GenerateContent | Converse | CountTokens | Embeddings | Rerank | Moderations
        | Images | Speech | Transcription | Ocr | Search => true,
        Videos | Realtime | Audio | Models | Files | Batches | CachedContents | Other => false,
    }
}

/// Whether the query asks Workers AI to respond later.
pub(super) fn is_queued(query: Option<&str>) -> bool {
    query.into_iter().flat_map(|query| query.split('&')).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        // An escaped name may stand for any other.
        name.contains('%') || name.eq_ignore_ascii_case("queueRequest")
    })
}

/// Whether every body of the operation is a JSON object.
pub(super) fn takes_only_json(operation: Operation) -> bool {
    use Operation::*;
    !matches!(operation, Invoke | Images | Transcription | Ocr | Search)
}

/// Vertex AI's verbs for models of other vendors.
fn is_raw(segment: &[u8]) -> bool {
    segment.ends_with(b"rawPredict") || segment.ends_with(b"streamRawPredict")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_in_the_query_is_found() {
        for query in ["queueRequest=true", "a=b&queueRequest", "queuerequest=1", "queue%52equest=1"]
        {
            assert!(is_queued(Some(query)), "{query}");
        }
        for query in [None, Some(""), Some("a=queueRequest"), Some("alt=sse&key=a%20b")] {
            assert!(!is_queued(query), "{query:?}");
        }
    }

    #[test]
    fn only_calls_without_side_effects_are_repeatable() {
        let is = |path| is_repeatable(Operation::of(path), path);
        for path in [
            "chat/completions",
            "v1/chat/completions/",
            "v2/chat",
            "v1/messages",
            "v1/messages/count_tokens",
            "v1/responses",
            "v1/agent",
            "v1/sonar",
            "v1/responses/compact",
            "v1beta/interactions",
            "v1beta/models/gemini:streamGenerateContent",
            "v1/projects/p/locations/r/publishers/anthropic/models/claude:streamRawPredict",
            "openai/deployments/gpt/chat/completions",
            "model/a.b/converse-stream",
            "model/a.b/invoke",
            "run/@cf/meta/llama",
            "v1/embeddings",
            "v1/images/generations",
            "v1/images/edits",
            "v1/audio/speech",
            "v1/audio/transcriptions",
            "v2/rerank",
            "v1/moderations",
            "v1/ocr",
        ] {
            assert!(is(path), "{path}");
        }
        for path in [
            "v1/chat/completions/chatcmpl_1",
            "v1/chat/deferred-completion/1",
            "async/chat/completions",
            "v1/responses/r_1",
            "v1/responses/r_1/cancel",
            "v1/agent/r_1",
            "v1beta/interactions/i_1/cancel",
            "v1/messages/batches",
            "v1/files",
            "upload/v1beta/files",
            "v1/batches",
            "v1beta/cachedContents",
            "v1beta/models/gemini:batchGenerateContent",
            "v1beta/models/veo:predictLongRunning",
            "v1/videos",
            "v1/realtime/client_secrets",
            "v1/conversations",
            "v1/threads/t_1/messages",
            "v1/fine_tuning/jobs",
            "v1/audio/voices",
            "v1/models/owner/name/predictions",
            "v1/predictions",
            "v1/models",
            "",
        ] {
            assert!(!is(path), "{path}");
        }
    }
}
