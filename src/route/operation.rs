//! What a request asks a provider for, told by its path.

use std::fmt;

/// The kind of API call, as events and logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `chat/completions`, deferred ones being fetched, and the `chat` of Cohere and Ollama.
    Chat,
    /// OpenAI's `responses`.
    Responses,
    /// OpenAI's `responses/compact`.
    Compact,
    /// Anthropic's `messages`, on Vertex AI too.
    Messages,
    /// Google's `models/{model}:generateContent` and `:streamGenerateContent`.
    GenerateContent,
    /// Google's `interactions`.
    Interactions,
    /// Bedrock's `model/{id}/converse` and `converse-stream`.
    Converse,
    /// Bedrock's `model/{id}/invoke` and `invoke-with-response-stream`.
    Invoke,
    /// Legacy text `completions`, `complete` and `generate`.
    Completions,
    /// Counts the tokens of a request that is not made.
    CountTokens,
    /// `embeddings`, `embed`, and Google's `:embedContent`.
    Embeddings,
    /// `rerank`.
    Rerank,
    /// `moderations`.
    Moderations,
    /// `images/…`.
    Images,
    /// `videos/…`.
    Videos,
    /// Text to speech: `audio/speech`, `tts`.
    Speech,
    /// Speech to text: `audio/transcriptions`, `audio/translations`, `stt`.
    Transcription,
    /// Connections that go on: `realtime`, Google's `:bidiGenerateContent`.
    Realtime,
    /// Anything else that has to do with audio.
    Audio,
    /// `ocr`.
    Ocr,
    /// `search`.
    Search,
    /// Lists and details of models.
    Models,
    /// `files/…`.
    Files,
    /// `batches/…`, `messages/batches/…`, Google's `:batchGenerateContent`.
    Batches,
    /// Anything else.
    Other,
}

impl Operation {
    /// From the path behind the provider's slug.
    pub(crate) fn of(rest: &str) -> Self {
        if matches!(rest, "chat/completions" | "v1/chat/completions") {
            return Self::Chat;
        }
        let mut segments = rest.as_bytes().split(|byte| *byte == b'/');
        let mut next = || segments.find(|segment| !is_version(segment));
        let mut first = next().unwrap_or_default();
        // Azure names its deployment in front.
        if first == b"deployments" {
            next();
            first = next().unwrap_or_default();
        }
        match (first, next()) {
            (b"chat", Some(b"moderations")) => Self::Moderations,
            (b"chat", Some(b"completions" | b"deferred-completion") | None) => Self::Chat,
            (b"responses", Some(b"compact")) => Self::Compact,
            (b"responses", Some(b"input_tokens")) => Self::CountTokens,
            (b"responses", _) => Self::Responses,
            (b"messages", Some(b"count_tokens")) => Self::CountTokens,
            (b"messages", Some(b"batches")) => Self::Batches,
            (b"messages", _) => Self::Messages,
            (b"interactions", _) => Self::Interactions,
            (b"completions" | b"complete" | b"generate", _) => Self::Completions,
            (b"tokenize" | b"detokenize" | b"tokenizers", _) => Self::CountTokens,
            (b"embeddings" | b"embed", _) => Self::Embeddings,
            (b"rerank", _) => Self::Rerank,
            (b"moderations", _) => Self::Moderations,
            (b"images", _) => Self::Images,
            (b"videos" | b"video", _) => Self::Videos,
            (b"audio", Some(b"speech")) | (b"tts", _) => Self::Speech,
            (b"audio", Some(b"transcriptions" | b"translations")) | (b"stt", _) => {
                Self::Transcription
            }
            (b"realtime", _) => Self::Realtime,
            (b"audio", _) => Self::Audio,
            (b"ocr", _) => Self::Ocr,
            (b"search", _) => Self::Search,
            (b"model", Some(_)) => of_bedrock(rest),
            (b"models" | b"tunedModels" | b"projects" | b"publishers", _) => of_google(rest),
            (b"language-models" | b"embedding-models", _)
            | (b"image-generation-models" | b"video-generation-models", _) => Self::Models,
            (b"files", _) => Self::Files,
            (b"batches", _) => Self::Batches,
            _ => Self::Other,
        }
    }

    /// Whether a request body of this kind must name a model.
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

    /// The name in lower case, as in `chat`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Compact => "compact",
            Self::Messages => "messages",
            Self::GenerateContent => "generate_content",
            Self::Interactions => "interactions",
            Self::Converse => "converse",
            Self::Invoke => "invoke",
            Self::Completions => "completions",
            Self::CountTokens => "count_tokens",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Moderations => "moderations",
            Self::Images => "images",
            Self::Videos => "video",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Realtime => "realtime",
            Self::Audio => "audio",
            Self::Ocr => "ocr",
            Self::Search => "search",
            Self::Models => "models",
            Self::Files => "files",
            Self::Batches => "batches",
            Self::Other => "other",
        }
    }
}

/// Of `model/{id}/{verb}`.
fn of_bedrock(rest: &str) -> Operation {
    match rest.trim_end_matches('/').rsplit('/').next() {
        Some("converse" | "converse-stream") => Operation::Converse,
        Some("invoke" | "invoke-with-response-stream") => Operation::Invoke,
        Some("count-tokens") => Operation::CountTokens,
        _ => Operation::Other,
    }
}

/// Of `models/{model}:{verb}`, at Vertex AI behind a project and a publisher.
fn of_google(rest: &str) -> Operation {
    let last = rest.rsplit('/').next().unwrap_or_default();
    let Some((model, verb)) = last.rsplit_once(':') else { return Operation::Models };
    match verb {
        "generateContent" | "streamGenerateContent" => Operation::GenerateContent,
        "countTokens" | "computeTokens" => Operation::CountTokens,
        "embedContent" | "batchEmbedContents" => Operation::Embeddings,
        "batchGenerateContent" | "asyncBatchEmbedContent" => Operation::Batches,
        "bidiGenerateContent" => Operation::Realtime,
        "predictLongRunning" => Operation::Videos,
        "predict" if model.contains("embedding") => Operation::Embeddings,
        "predict" if model.starts_with("imagen") => Operation::Images,
        "rawPredict" if model == "count-tokens" => Operation::CountTokens,
        "rawPredict" | "streamRawPredict" if rest.contains("publishers/anthropic/") => {
            Operation::Messages
        }
        "rawPredict" | "streamRawPredict" => Operation::Chat,
        _ => Operation::Other,
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `v1`, `v1beta`, and what stands before some providers' versions, as in `openai/v1`.
pub(super) fn is_version(segment: &[u8]) -> bool {
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
    fn operations_are_told_with_and_without_a_version() {
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
}
