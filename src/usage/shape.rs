//! The shape of a provider's answers: the form of usage and the end of streams.
//!
//! It follows from the operation, the provider and the path, and is never guessed from the bytes.
//! It determines where usage is, which figures include others, and which marker ends a stream.
//! [`names`](super::names) has the names of the figures.

use super::terminal::Terminal;
use crate::util::operation::Operation;

/// The form of the answers to one kind of API call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// OpenAI's chat completions and compatible APIs.
    Chat,
    /// Google's chat completions: reasoning tokens are only in the total.
    ChatGoogle,
    /// Perplexity's chat completions: reasoning and citations are not included in the output and
    /// the total.
    ChatPerplexity,
    /// Perplexity's asynchronous answers: a chat completion in `response`.
    AsyncPerplexity,
    /// Legacy text completions.
    Completions,
    /// OpenAI's Responses, compaction and the events of its realtime API included.
    Responses,
    /// Anthropic's Messages.
    Messages,
    /// Gemini's own API.
    GenerateContent,
    /// Gemini's Interactions.
    Interactions,
    /// Mistral's conversations.
    Conversations,
    /// Cloudflare's Workers AI: OpenAI's names, in `result` unless it is a stream.
    WorkersAi,
    /// Embeddings with OpenAI's names.
    Embeddings,
    /// Google's embeddings.
    EmbeddingsGoogle,
    /// Bedrock's Converse.
    Converse,
    /// Bedrock's `invoke`: the answer in the form of the model's own API, with additional counts.
    Invoke,
    /// Cohere's chat, version 2.
    CohereV2,
    /// Cohere's chat, version 1, and its `generate`.
    CohereV1,
    /// Cohere's embeddings.
    EmbeddingsCohere,
    /// Ollama's own API.
    Ollama,
    /// Rerankers.
    Rerank,
    /// Images.
    Images,
    /// Speech to text.
    Transcription,
    /// Text to speech.
    Speech,
    /// Videos.
    Videos,
    /// Optical character recognition.
    Ocr,
    /// Batch objects.
    Batches,
    /// Anything else: usage with the names and places of OpenAI or Anthropic.
    Other,
}

impl Shape {
    /// The shape of the answers to a call. `kind`: the slug of the built-in
    /// provider, empty for a custom one; `path`: after the provider's slug.
    #[inline]
    pub(crate) fn of(operation: Operation, kind: &str, path: &str) -> Self {
        let has = |segment| path.split('/').any(|own| own == segment);
        match (operation, kind) {
            (Operation::Chat, "perplexity-ai") if has("async") => Self::AsyncPerplexity,
            (Operation::Chat, "perplexity-ai") => Self::ChatPerplexity,
            (Operation::Chat, "google-ai-studio" | "google-vertex-ai") => Self::ChatGoogle,
            (Operation::Embeddings, "google-ai-studio" | "google-vertex-ai")
                if path.contains(':') =>
            {
                Self::EmbeddingsGoogle
            }
            // Under `compatibility`, Cohere answers like OpenAI.
            (Operation::Chat | Operation::Completions, "cohere") if !has("compatibility") => {
                if has("v2") { Self::CohereV2 } else { Self::CohereV1 }
            }
            (Operation::Embeddings, "cohere") if !has("compatibility") => Self::EmbeddingsCohere,
            // Cohere's own path, at a provider with another name.
            (Operation::Chat, _) if path.ends_with("v2/chat") => Self::CohereV2,
            (Operation::Chat | Operation::Completions | Operation::Embeddings, _)
                if is_ollama(path) =>
            {
                Self::Ollama
            }
            (Operation::Other, "perplexity-ai") if has("async") => Self::AsyncPerplexity,
            // OpenAI stores turns there, and answers none.
            (Operation::Other, "mistral") if has("conversations") => Self::Conversations,
            (Operation::Other | Operation::Invoke, "workers-ai") => Self::WorkersAi,
            _ => Self::from(operation),
        }
    }

    /// The markers that end a complete stream; empty if streams have none, or there are no streams.
    pub(crate) fn markers(self) -> &'static [Terminal] {
        use Terminal::{
            Completed, Done, Failed, FinishReason, Incomplete, MessageEnd, MessageStop, StreamEnd,
        };
        match self {
            Self::Chat | Self::ChatGoogle | Self::Completions => &[Done],
            // `chat.completion.done` counts as `Done`.
            Self::ChatPerplexity | Self::AsyncPerplexity => &[Done],
            Self::Responses => &[Completed, Incomplete, Failed],
            // Some providers end everything with `[DONE]`.
            Self::Messages => &[MessageStop, Done],
            Self::GenerateContent => &[FinishReason],
            Self::Interactions => &[Completed, Done],
            Self::Converse => &[MessageStop],
            Self::Invoke => &[MessageStop, Done],
            Self::CohereV2 => &[MessageEnd, Done],
            Self::CohereV1 => &[StreamEnd, Done],
            Self::Images => &[Completed, Done],
            // `conversation.response.done`
            Self::Conversations => &[Completed],
            Self::WorkersAi | Self::Ollama | Self::Transcription | Self::Speech => &[Done],
            _ => &[],
        }
    }

    /// Returns true if a stream without a marker is incomplete.
    pub(crate) fn has_marker(self) -> bool {
        !self.markers().is_empty()
    }
}

/// The shape if only the operation is known.
impl From<Operation> for Shape {
    fn from(operation: Operation) -> Self {
        macro_rules! of_same_name {
            ($($name:ident)+) => {
                match operation {
                    $(Operation::$name => Self::$name,)+
                    Operation::Compact => Self::Responses,
                    _ => Self::Other,
                }
            };
        }
        of_same_name!(Chat Completions Responses Messages GenerateContent Interactions Embeddings
            Converse Invoke Rerank Images Transcription Speech Videos Ocr Batches)
    }
}

/// Returns true for exactly `chat`, `generate` and `embed`: other providers have longer paths.
fn is_ollama(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let ends_with = |last| {
        let before = path.strip_suffix(last);
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    ends_with("chat") || ends_with("generate") || ends_with("embed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_own_apis_have_a_marker_where_the_provider_sends_one() {
        for (kind, path, has_marker) in [
            ("workers-ai", "run/@cf/meta/llama", true),
            ("workers-ai", "v1/something", true),
            ("mistral", "v1/conversations", true),
            ("mistral", "v1/conversations/c_1/restart", true),
            ("mistral", "v1/something", false),
            ("perplexity-ai", "v1/agent", true),
            ("perplexity-ai", "v1/sonar", true),
            // OpenAI stores turns there.
            ("openai", "v1/conversations", false),
            ("replicate", "v1/something", false),
        ] {
            let shape = Shape::of(Operation::of(path), kind, path);
            assert_eq!(shape.has_marker(), has_marker, "{kind} {path}");
        }
    }
}
