//! The operation of a path, by its segments after the provider's slug.

use super::Operation;

impl Operation {
    /// Derives it from a path in its plain spelling.
    pub(super) fn of_plain(rest: &str) -> Self {
        let mut segments = Segments::of(rest);
        let mut first = segments.next();
        match first {
            // Azure's deployments, OpenAI's old engines, OpenRouter's presets: the call follows the
            // name.
            "deployments" | "engines" | "presets" => {
                segments.next();
                first = segments.next();
            }
            // Perplexity's, in the format of Responses.
            "agent" if segments.is_versioned => first = "responses",
            // Perplexity's chat completions.
            "sonar" if segments.is_versioned => first = "chat",
            // Google's uploads, Perplexity's asynchronous answers.
            "upload" | "async" => first = segments.next(),
            _ => {}
        }
        match of_call(rest, first, segments.next()) {
            Self::Other if !is_resource(first) => behind_a_place(rest),
            operation => operation,
        }
    }
}

/// The segments of a path, without empty ones and versions.
struct Segments<'a> {
    rest: std::str::Split<'a, char>,
    /// Whether a version precedes the last returned segment.
    is_versioned: bool,
}

impl<'a> Segments<'a> {
    fn of(rest: &'a str) -> Self {
        Self { rest: rest.split('/'), is_versioned: false }
    }

    /// Returns the empty string at the end.
    fn next(&mut self) -> &'a str {
        self.is_versioned = false;
        for segment in self.rest.by_ref() {
            if !is_version(segment.as_bytes()) {
                return segment;
            }
            self.is_versioned |= !segment.is_empty();
        }
        ""
    }
}

/// The operation of a path that starts with these segments. `second` is empty if there is none.
fn of_call(rest: &str, first: &str, second: &str) -> Operation {
    match (first, second) {
        ("chat", "moderations") => Operation::Moderations,
        ("chat", "completions" | "deferred-completion" | "") => Operation::Chat,
        // Mistral's, in the format of a chat.
        ("fim" | "agents", "completions") => Operation::Chat,
        ("responses", "compact") => Operation::Compact,
        ("responses", "input_tokens") => Operation::CountTokens,
        // OpenAI's decisions have the format of responses.
        ("responses" | "decisions", _) => Operation::Responses,
        ("messages", "count_tokens") => Operation::CountTokens,
        ("messages", "batches") => Operation::Batches,
        ("messages", _) => Operation::Messages,
        ("interactions", _) => Operation::Interactions,
        ("completions" | "complete" | "generate", _) => Operation::Completions,
        ("tokenize" | "detokenize" | "tokenize-text" | "tokenizers", _) => Operation::CountTokens,
        ("embeddings" | "embed" | "contextualizedembeddings", _) => Operation::Embeddings,
        ("rerank", _) => Operation::Rerank,
        ("moderations", _) => Operation::Moderations,
        ("images", _) => Operation::Images,
        ("videos" | "video", _) => Operation::Videos,
        ("audio", "speech") | ("tts", _) => Operation::Speech,
        ("audio", "transcriptions" | "translations") | ("stt", _) => Operation::Transcription,
        ("audio", _) => Operation::Audio,
        // Google's connections are opened under `ws/`.
        ("realtime" | "ws", _) => Operation::Realtime,
        ("ocr", _) => Operation::Ocr,
        ("search", _) | ("documents", "search") => Operation::Search,
        ("model", _) if !second.is_empty() => of_bedrock(rest),
        // Workers AI and Replicate.
        ("run" | "@cf" | "@hf" | "predictions", _) => Operation::Invoke,
        ("models" | "tunedModels" | "projects" | "publishers", _) => of_google(rest),
        ("language-models" | "embedding-models", _)
        | ("image-generation-models" | "video-generation-models", _)
        // Ollama's.
        | ("tags" | "show" | "ps", "") => Operation::Models,
        ("files" | "uploads", _) => Operation::Files,
        ("batches" | "batch" | "embed-jobs" | "model-invocation-job", _) => Operation::Batches,
        ("cachedContents", _) => Operation::CachedContents,
        _ => Operation::Other,
    }
}

/// Returns true if paths with this first segment are about a stored resource and call no model.
fn is_resource(first: &str) -> bool {
    matches!(
        first,
        "" | "threads"
            | "vector_stores"
            | "conversations"
            | "containers"
            | "organization"
            | "organizations"
            | "evals"
            | "fine_tuning"
            | "collections"
            | "sessions"
    )
}

/// Returns true if an unknown call with this path manages stored things, and runs no model itself.
#[cfg(feature = "limits")]
pub(crate) fn is_about_stored(rest: &str) -> bool {
    let first = Segments::of(rest).next();
    match first {
        // Some of their calls run models, and the others are free.
        "threads" | "conversations" => false,
        "agents" | "assistants" | "corpora" | "documents" | "fileSearchStores" | "operations"
        | "projects" | "skills" | "tuningJobs" | "webhooks" => true,
        first => is_resource(first),
    }
}

/// The operation of a call after one or two segments that say where it runs: Azure's
/// `{resource}/{deployment}/…`, the Hugging Face router's `{provider}/v1/…`. Chats are known by their
/// two segments after four: Hugging Face's `hf-inference/models/{owner}/{name}/v1/chat/completions`.
fn behind_a_place(rest: &str) -> Operation {
    let mut segments = Segments::of(rest);
    segments.next();
    for places in 1..=4 {
        let first = segments.next();
        let is_versioned = segments.is_versioned;
        let second = Segments { rest: segments.rest.clone(), is_versioned: false }.next();
        let is_call = match (first, second) {
            ("chat", "completions") => true,
            _ if places > 2 => false,
            ("images", "generations" | "edits")
            | ("audio", "speech" | "transcriptions" | "translations") => true,
            ("responses" | "completions" | "embeddings" | "rerank", _) => true,
            // Without a version these may be the messages of a stored resource.
            ("messages", _) => is_versioned,
            _ => false,
        };
        if is_call {
            return of_call(rest, first, second);
        }
    }
    Operation::Other
}

/// The operation of `model/{id}/{verb}`.
fn of_bedrock(rest: &str) -> Operation {
    match rest.trim_end_matches('/').rsplit('/').next() {
        Some("converse" | "converse-stream") => Operation::Converse,
        Some("invoke" | "invoke-with-response-stream") => Operation::Invoke,
        Some("invoke-with-bidirectional-stream") => Operation::Realtime,
        Some("count-tokens") => Operation::CountTokens,
        _ => Operation::Other,
    }
}

/// The operation of `models/{model}:{verb}`, on Vertex AI after a project and a publisher.
/// Replicate runs `models/{owner}/{name}/predictions`.
fn of_google(rest: &str) -> Operation {
    let rest = rest.trim_end_matches('/');
    let (before, last) = rest.rsplit_once('/').unwrap_or(("", rest));
    let Some((model, verb)) = split_verb(last) else {
        return match last {
            "predictions" => Operation::Invoke,
            "completions" if before.ends_with("/chat") => Operation::Chat,
            "cachedContents" => Operation::CachedContents,
            "batchPredictionJobs" => Operation::Batches,
            _ => of_stored(rest),
        };
    };
    match verb {
        "generateContent" | "streamGenerateContent" => Operation::GenerateContent,
        "countTokens" | "computeTokens" => Operation::CountTokens,
        "embedContent" | "batchEmbedContents" => Operation::Embeddings,
        "batchGenerateContent" | "asyncBatchEmbedContent" => Operation::Batches,
        "bidiGenerateContent" => Operation::Realtime,
        "predictLongRunning" | "fetchPredictOperation" => Operation::Videos,
        "predict" if model.contains("embedding") => Operation::Embeddings,
        "predict" if model.starts_with("imagen") => Operation::Images,
        "rawPredict" if model == "count-tokens" => Operation::CountTokens,
        "rawPredict" | "streamRawPredict" if is_anthropic_at_google(rest) => Operation::Messages,
        "rawPredict" | "streamRawPredict" => Operation::Chat,
        "cancel" => of_stored(rest),
        _ => Operation::Other,
    }
}

/// The operation of a list of stored resources, or of one of them.
fn of_stored(rest: &str) -> Operation {
    // The first of these that occurs in the path decides.
    const KINDS: [(&str, Operation); 7] = [
        ("batchPredictionJobs", Operation::Batches),
        ("cachedContents", Operation::CachedContents),
        ("operations", Operation::Other),
        ("tuningJobs", Operation::Other),
        ("endpoints", Operation::Other),
        ("models", Operation::Models),
        ("tunedModels", Operation::Models),
    ];
    let has = |name: &str| rest.split('/').any(|segment| segment == name);
    KINDS.iter().find(|(name, _)| has(name)).map_or(Operation::Other, |(_, operation)| *operation)
}

/// The name and verb of a segment `name:verb`; the colon may be encoded.
fn split_verb(segment: &str) -> Option<(&str, &str)> {
    let encoded = || segment.rsplit_once("%3A").or_else(|| segment.rsplit_once("%3a"));
    segment.rsplit_once(':').or_else(encoded)
}

fn is_anthropic_at_google(rest: &str) -> bool {
    rest.contains("publishers/anthropic/")
}

/// Returns true if a path is in Anthropic's Messages API, whose SDKs expect their own error format.
pub(crate) fn is_of_messages(rest: &str) -> bool {
    let first = Segments::of(rest).next();
    first == "messages"
        || Operation::of(rest) == Operation::Messages
        || is_anthropic_at_google(rest)
        || rest.contains("anthropic/v1/messages/")
}

/// `v1`, `v1beta`, and what precedes some providers' versions, as in `openai/v1`.
pub(crate) fn is_version(segment: &[u8]) -> bool {
    matches!(
        segment,
        b"" | b"openai"
            | b"api"
            | b"anthropic"
            | b"inference"
            | b"compatibility"
            | [b'v', b'0'..=b'9', ..]
    )
}
