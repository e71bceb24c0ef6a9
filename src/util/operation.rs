//! The kind of API call, known from the path.

use crate::util::macros::named_enum;

named_enum! {
/// The kind of API call, as events and logs name it.
///
/// ```
/// use http::Request;
/// use tower_ai_gateway::{GatewayLayer, Operation, Provider};
///
/// let gateway = GatewayLayer::builder().provider(Provider::openai()).build()?;
/// let request = Request::post("/v1/acct/gw/openai/embeddings").body(())?;
/// assert_eq!(gateway.route_of(&request).unwrap().operation(), Operation::Embeddings);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `chat/completions`, fetching deferred ones, and the `chat` of Cohere and Ollama.
    Chat = "chat",
    /// OpenAI's `responses`.
    Responses = "responses",
    /// OpenAI's `responses/compact`.
    Compact = "compact",
    /// Anthropic's `messages`, on Vertex AI too.
    Messages = "messages",
    /// Google's `models/{model}:generateContent` and `:streamGenerateContent`.
    GenerateContent = "generate_content",
    /// Google's `interactions`.
    Interactions = "interactions",
    /// Bedrock's `model/{id}/converse` and `converse-stream`.
    Converse = "converse",
    /// Runs a model with its own request format: Bedrock's `model/{id}/invoke` and
    /// `invoke-with-response-stream`, Workers AI's `run/{model}`, Replicate's `predictions`.
    Invoke = "invoke",
    /// Legacy text `completions`, `complete` and `generate`.
    Completions = "completions",
    /// Counts or shows the tokens of a request without running it: `messages/count_tokens`,
    /// `responses/input_tokens`, Google's `:countTokens`, `tokenize`.
    CountTokens = "count_tokens",
    /// `embeddings`, `embed`, and Google's `:embedContent`.
    Embeddings = "embeddings",
    /// `rerank`.
    Rerank = "rerank",
    /// `moderations`.
    Moderations = "moderations",
    /// `images/…`.
    Images = "images",
    /// `videos/…`, Google's `:predictLongRunning`. Its name is `video`.
    Videos = "video",
    /// Text to speech: `audio/speech`, `tts`.
    Speech = "speech",
    /// Speech to text: `audio/transcriptions`, `audio/translations`, `stt`.
    Transcription = "transcription",
    /// Long-lived connections: `realtime`, Google's `:bidiGenerateContent`.
    Realtime = "realtime",
    /// Other audio endpoints.
    Audio = "audio",
    /// `ocr`.
    Ocr = "ocr",
    /// `search`.
    Search = "search",
    /// Lists and details of models.
    Models = "models",
    /// `files/…`.
    Files = "files",
    /// `batches/…`, `messages/batches/…`, Google's `:batchGenerateContent`.
    Batches = "batches",
    /// Google's `cachedContents`: stored prompts, billed by the hour.
    CachedContents = "cached_contents",
    /// Anything else.
    Other = "other",
}
/// The name in lower case, as in `chat`.
pub fn as_str;
}

impl Operation {
    /// Derives it from the path after the provider's slug.
    pub(crate) fn of(rest: &str) -> Self {
        if matches!(rest, "chat/completions" | "v1/chat/completions") {
            return Self::Chat;
        }
        let mut segments = Segments::of(rest);
        let mut first = segments.next();
        match first {
            // Azure's deployments, OpenAI's old engines, OpenRouter's presets: the call follows the
            // name.
            "deployments" | "engines" | "presets" => {
                segments.next();
                first = segments.next();
            }
            // Google's uploads, Perplexity's asynchronous answers.
            "upload" | "async" => first = segments.next(),
            _ => {}
        }
        match of_call(rest, first, segments.next()) {
            Self::Other if !is_resource(first) => behind_a_place(rest),
            operation => operation,
        }
    }

    /// Returns true if a request body of this kind must name a model.
    pub(crate) fn takes_model(self) -> bool {
        matches!(
            self,
            Self::Chat
                | Self::Responses
                | Self::Compact
                | Self::Messages
                | Self::Completions
                | Self::Embeddings
                | Self::Rerank
                | Self::Images
                | Self::Videos
        )
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
        ("responses", _) => Operation::Responses,
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

/// The operation of a call after one or two segments that say where it runs: Azure's
/// `{resource}/{deployment}/…`, the Hugging Face router's `{provider}/v1/…`.
fn behind_a_place(rest: &str) -> Operation {
    let mut segments = Segments::of(rest);
    segments.next();
    for _ in 0..2 {
        let first = segments.next();
        let is_versioned = segments.is_versioned;
        let second = Segments { rest: segments.rest.clone(), is_versioned: false }.next();
        let is_call = match (first, second) {
            ("chat", "completions")
            | ("images", "generations" | "edits")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_recognised_with_and_without_a_version() {
        for (rest, operation) in [
            ("chat/completions", Operation::Chat),
            ("v1/chat/completions", Operation::Chat),
            ("v1/chat/deferred-completion/1", Operation::Chat),
            ("v1/messages", Operation::Messages),
            ("v1/messages/count_tokens", Operation::CountTokens),
            ("v1/messages/batches/b_1/results", Operation::Batches),
            ("anthropic/v1/messages", Operation::Messages),
            ("v2/chat", Operation::Chat),
            ("v1/chat/moderations", Operation::Moderations),
            ("v1/responses/compact", Operation::Compact),
            ("v1/responses/input_tokens", Operation::CountTokens),
            ("openai/deployments/gpt/chat/completions", Operation::Chat),
            ("v1beta/models/gemini:streamGenerateContent", Operation::GenerateContent),
            ("v1beta/models/gemini:countTokens", Operation::CountTokens),
            ("v1beta/models/gemini", Operation::Models),
            (
                "v1/projects/p/locations/r/publishers/anthropic/models/claude@1:streamRawPredict",
                Operation::Messages,
            ),
            (
                "v1/projects/p/locations/r/publishers/anthropic/models/count-tokens:rawPredict",
                Operation::CountTokens,
            ),
            ("model/a.b-v1%3A0/converse-stream", Operation::Converse),
            ("model/a.b-v1:0/invoke", Operation::Invoke),
            ("v1/audio/speech", Operation::Speech),
            ("openai/v1/audio/transcriptions", Operation::Transcription),
            ("v1/audio/voices", Operation::Audio),
            ("v1/rerank", Operation::Rerank),
            ("v1/videos/v_1", Operation::Videos),
            ("responses/resp_1", Operation::Responses),
            ("v1beta/openai/embeddings", Operation::Embeddings),
            ("v1/images/generations", Operation::Images),
            ("v1/language-models", Operation::Models),
            ("v1/batches/b_1:cancel", Operation::Batches),
            ("v1/api-key", Operation::Other),
            ("", Operation::Other),
        ] {
            assert_eq!(Operation::of(rest), operation, "{rest}");
        }
    }

    /// Paths of `docs` and SDKs of the providers, by what is asked for.
    #[test]
    fn every_providers_paths_are_recognised() {
        use Operation::*;
        let root = env!("CARGO_MANIFEST_DIR");
        let dashboard = format!("{root}/examples/gateway/dashboard/operations.js");
        let dashboard = std::fs::read_to_string(dashboard).unwrap();
        for (operation, paths) in [
            (
                Chat,
                &[
                    "openai/v1/chat/completions",
                    "compatibility/v1/chat/completions",
                    "api/chat",
                    "v1/chat",
                    "async/chat/completions/r_1",
                    "v1/fim/completions",
                    "v1/agents/completions",
                    "resource/deployment/chat/completions",
                    "together/v1/chat/completions",
                    "presets/p/chat/completions",
                    "engines/e/chat/completions",
                    "v1/projects/p/locations/r/endpoints/openapi/chat/completions",
                    "v1/projects/p/locations/r/publishers/mistralai/models/m@1:rawPredict",
                ][..],
            ),
            (Responses, &["responses", "v1/responses/r_1/cancel", "resource/openai/v1/responses"]),
            (Compact, &["responses/compact", "openai/v1/responses/compact"]),
            (Messages, &["v1/messages", "anthropic/v1/messages", "resource/anthropic/v1/messages"]),
            (
                GenerateContent,
                &[
                    "v1beta/models/gemini:generateContent",
                    "v1beta/models/gemini%3AgenerateContent",
                    "v1beta/tunedModels/mine:streamGenerateContent",
                    "v1/projects/p/locations/r/publishers/google/models/gemini:generateContent",
                    "v1/projects/p/locations/r/endpoints/12:generateContent",
                ],
            ),
            (Interactions, &["v1beta/interactions", "v1beta/interactions/i_1/cancel"]),
            (Converse, &["model/a.b/converse", "model/arn%3Aaws%3Ax%2Fy/converse-stream"]),
            (
                Invoke,
                &[
                    "model/a.b/invoke-with-response-stream",
                    "run/@cf/meta/llama",
                    "@cf/meta/llama",
                    "v1/predictions",
                    "v1/models/owner/name/predictions",
                ],
            ),
            (
                Completions,
                &["v1/completions", "v1/complete", "api/generate", "engines/e/completions"],
            ),
            (
                CountTokens,
                &[
                    "v1/messages/count_tokens",
                    "v1/responses/input_tokens",
                    "v1beta/models/gemini:countTokens",
                    "v1/projects/p/locations/r/publishers/google/models/gemini:computeTokens",
                    "model/a.b/count-tokens",
                    "v1/tokenize",
                    "v1/detokenize",
                    "v1/tokenizers/estimate-token-count",
                    "v1/tokenize-text",
                ],
            ),
            (
                Embeddings,
                &[
                    "v1/embeddings",
                    "v2/embed",
                    "api/embed",
                    "v1/contextualizedembeddings",
                    "resource/deployment/embeddings",
                    "v1beta/models/gemini-embedding:embedContent",
                    "v1/projects/p/locations/r/publishers/google/models/text-embedding-5:predict",
                ],
            ),
            (Rerank, &["v2/rerank", "v1/rerank"]),
            (Moderations, &["v1/moderations", "v1/chat/moderations"]),
            (Images, &["v1/images/edits", "v1beta/models/imagen-4:predict"]),
            (
                Videos,
                &[
                    "v1/videos",
                    "v2/videos/v_1",
                    "v1beta/models/veo:predictLongRunning",
                    "v1/publishers/google/models/veo:fetchPredictOperation",
                ],
            ),
            (Speech, &["audio/speech", "v1/tts"]),
            (Transcription, &["audio/translations", "v2/audio/transcriptions", "v1/stt"]),
            (
                Realtime,
                &[
                    "v1/realtime",
                    "realtime/client_secrets",
                    "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
                ],
            ),
            (Ocr, &["v1/ocr"]),
            (Search, &["search", "v1beta/search", "v1/documents/search"]),
            (
                Models,
                &[
                    "models",
                    "v1/models/m",
                    "v1/models/owner/name",
                    "v1beta/tunedModels",
                    "v1/publishers/google/models/gemini",
                    "api/tags",
                    "api/show",
                ],
            ),
            (Files, &["v1/files/f_1/content", "upload/v1beta/files", "v1/uploads/u_1/parts"]),
            (
                Batches,
                &[
                    "v1/batches",
                    "v1/batch/jobs/j_1/cancel",
                    "v1/messages/batches/b_1",
                    "v1/embed-jobs",
                    "v1beta/models/gemini:batchGenerateContent",
                    "v1/projects/p/locations/r/batchPredictionJobs",
                    "v1/projects/p/locations/r/batchPredictionJobs/12:cancel",
                    "model-invocation-job",
                ],
            ),
            (
                CachedContents,
                &["v1beta/cachedContents", "v1/projects/p/locations/r/cachedContents/c_1"],
            ),
            (
                Other,
                &[
                    "v1/threads/t_1/messages",
                    "v1/vector_stores/v_1/search",
                    "v1/organization/usage/completions",
                    "v1/containers/c_1/files",
                    "v1/conversations",
                    "v1/projects/p/locations/r/tuningJobs",
                    "v1/projects/p/locations/r/endpoints/12:predict",
                    "v1beta/models/veo/operations/o_1",
                    "resource/deployment",
                    "v1/tcp_warming",
                    "v1/check-api-key",
                    "generation",
                    "user/balance",
                    "//",
                ],
            ),
        ] {
            for rest in paths {
                assert_eq!(Operation::of(rest), operation, "{rest}");
            }
            let words = format!("  {operation}: '");
            assert!(dashboard.contains(&words), "the dashboard has no words for {operation}");
        }
    }

    #[test]
    fn errors_of_messages_have_their_form_on_all_of_their_paths() {
        for rest in [
            "messages",
            "v1/messages",
            "v1/messages/count_tokens",
            "v1/messages/batches/b_1/results",
            "anthropic/v1/messages/count_tokens",
            "resource/anthropic/v1/messages/count_tokens",
            "v1/projects/p/locations/r/publishers/anthropic/models/count-tokens:rawPredict",
        ] {
            assert!(is_of_messages(rest), "{rest}");
        }
        for rest in ["v1/threads/t_1/messages", "v1/batches", "v1/responses/input_tokens", ""] {
            assert!(!is_of_messages(rest), "{rest}");
        }
    }
}
