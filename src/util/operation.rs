//! The kind of API call, known from the path.

mod path;
mod spelling;

#[cfg(feature = "limits")]
pub(crate) use self::path::is_about_stored;
pub(crate) use self::path::{is_of_messages, is_version};
use crate::util::macros::named_enum;
use http::Method;

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
    /// `chat/completions`, fetching deferred ones, the `chat` of Cohere and Ollama, and Perplexity's
    /// `sonar`.
    Chat = "chat",
    /// OpenAI's `responses` and `decisions`, and Perplexity's `agent`.
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

/// Returns true if a method can run a model: reading and deleting cannot.
pub(crate) fn is_call(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE)
}

#[cfg(test)]
mod tests;
