//! [`Place`]: the objects and arrays of all shapes whose members matter.

use super::shape::Shape;

/// An object or array whose members matter, identified by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The outermost object, with the names of OpenAI and Anthropic.
    Root,
    /// The outermost object where `object` matters.
    ObjectRoot,
    /// The outermost object of Responses and Interactions, whose id and status matter.
    StatefulRoot,
    /// The outermost object of Gemini's own API.
    GeminiRoot,
    /// The outermost object of Google's embeddings.
    EmbeddingsRoot,
    /// The outermost object of Workers AI.
    WorkersRoot,
    /// The outermost object of Perplexity's asynchronous answers.
    AsyncRoot,
    /// `response` or `interaction` of an event.
    Response,
    /// `message` of the first event of Messages.
    Message,
    /// `x_groq`
    XGroq,
    /// The answer in `result` (Workers AI) or `response` (Perplexity's asynchronous answers).
    Result,
    /// `error`, at the root, in a response or in a choice.
    Error,
    /// `errors[]` of Workers AI.
    Errors,
    /// `status_details` of a response of the realtime API.
    StatusDetails,
    /// `choices[]`
    Choices,
    Choice,
    /// `delta`, at the root or in a choice.
    Delta,
    /// An array that is content if it has an element.
    Parts,
    /// `data[]`, whose elements are counted.
    Data,
    /// `candidates[]`, whose elements are counted.
    Candidates,
    Candidate,
    /// `content` of a candidate.
    CandidateContent,
    /// `parts[]` of that.
    CandidateParts,
    CandidatePart,
    PromptFeedback,
    /// `groundingMetadata` of a candidate.
    Grounding,
    /// `webSearchQueries[]` and the like, whose elements are counted.
    SearchQueries,
    /// `retrievalQueries[]`
    OtherQueries,
    /// `groundingChunks[]`
    GroundingChunks,
    GroundingChunk,
    /// `maps` of a chunk.
    MapsChunk,
    ConverseRoot,
    /// `serviceTier` of Converse.
    ConverseTier,
    /// `delta` of an event of Converse.
    ConverseDelta,
    InvokeRoot,
    CohereRoot,
    /// `delta` of an event of Cohere's version 2.
    CohereDelta,
    /// `message` of that.
    CohereMessage,
    /// `response` of the last event of Cohere's version 1.
    CohereResponse,
    /// The outermost object where usage may be in `meta`.
    MetaRoot,
    OllamaRoot,
    ImagesRoot,
    AudioRoot,
    VideosRoot,
    OcrRoot,
}

impl Place {
    pub(super) fn is_array(self) -> bool {
        matches!(
            self,
            Self::Choices
                | Self::Errors
                | Self::Parts
                | Self::Data
                | Self::Candidates
                | Self::CandidateParts
                | Self::SearchQueries
                | Self::OtherQueries
                | Self::GroundingChunks
        )
    }

    pub(super) fn root_of(shape: Shape) -> Self {
        match shape {
            Shape::Responses | Shape::Interactions => Self::StatefulRoot,
            Shape::GenerateContent => Self::GeminiRoot,
            Shape::EmbeddingsGoogle => Self::EmbeddingsRoot,
            Shape::WorkersAi => Self::WorkersRoot,
            Shape::AsyncPerplexity => Self::AsyncRoot,
            Shape::ChatPerplexity | Shape::Conversations | Shape::Other => Self::ObjectRoot,
            Shape::Converse => Self::ConverseRoot,
            Shape::Invoke => Self::InvokeRoot,
            Shape::CohereV2 | Shape::CohereV1 => Self::CohereRoot,
            Shape::EmbeddingsCohere | Shape::Rerank => Self::MetaRoot,
            Shape::Ollama => Self::OllamaRoot,
            Shape::Images => Self::ImagesRoot,
            Shape::Transcription | Shape::Speech => Self::AudioRoot,
            Shape::Videos => Self::VideosRoot,
            Shape::Ocr => Self::OcrRoot,
            _ => Self::Root,
        }
    }

    /// The usage object with the highest rank in a document counts.
    pub(super) fn usage_rank(self) -> u8 {
        match self {
            Self::Choice => 1,
            Self::Message => 2,
            Self::Response | Self::XGroq | Self::Result => 3,
            _ => 4,
        }
    }
}
