//! Where in a document what matters stands: the keys of every shape.
//!
//! Keys are compared as they are written: no provider spells letters as escapes.

mod other;

use super::reported::Figure;
use super::shape::Shape;

/// Objects and arrays whose members matter, told by the path that leads to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The outermost object, with the names of OpenAI and Anthropic.
    Root,
    /// The same where the `object` matters.
    ObjectRoot,
    /// The same of Responses and Interactions, which are told apart by id and status.
    StatefulRoot,
    /// The same of Gemini's own API.
    GeminiRoot,
    /// The same of Google's embeddings.
    EmbeddingsRoot,
    /// The same of Workers AI.
    WorkersRoot,
    /// The same of Perplexity's later answers.
    AsyncRoot,
    /// `response` or `interaction` of an event.
    Response,
    /// `message` of the first event of Messages.
    Message,
    /// `x_groq`
    XGroq,
    /// The answer in `result` (Workers AI) or `response` (Perplexity's later answers).
    Result,
    /// `error`, at the root, in a response or in a choice.
    Error,
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
    /// The outermost object where usage may stand in `meta`.
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
            Self::Choices | Self::Parts | Self::Data | Self::Candidates | Self::CandidateParts
        )
    }

    pub(super) fn root_of(shape: Shape) -> Self {
        match shape {
            Shape::Responses | Shape::Interactions => Self::StatefulRoot,
            Shape::GenerateContent => Self::GeminiRoot,
            Shape::EmbeddingsGoogle => Self::EmbeddingsRoot,
            Shape::WorkersAi => Self::WorkersRoot,
            Shape::AsyncPerplexity => Self::AsyncRoot,
            Shape::ChatPerplexity | Shape::Other => Self::ObjectRoot,
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

    /// Of several usage objects in one document the one of the highest rank counts.
    pub(super) fn usage_rank(self) -> u8 {
        match self {
            Self::Choice => 1,
            Self::Message => 2,
            Self::Response | Self::XGroq | Self::Result => 3,
            _ => 4,
        }
    }
}

/// What is to be done with the value of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Skip,
    /// To look into: an object or an array, whichever the place is.
    Enter(Place),
    /// A string to keep. Of several, the last one of the highest rank counts.
    Text(Field, u8),
    /// Content, unless it is empty.
    Content,
    /// An object to keep whole.
    Keep(Kept),
    /// A string that says that the answer has ended.
    Finish,
    /// `true`, or something else.
    Background,
    /// A number, or a string with one, times a power of ten.
    Number(Figure, u8),
    /// `true`, in the last document of a stream.
    End,
}

/// Objects that are kept whole until they can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Usage,
    /// The same, in the last document of a stream.
    LastUsage,
    /// `usage_breakdown`: the same by model.
    Breakdown,
    /// `tool_usage`: what is billed beside the usage.
    ToolUsage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    ServiceTier,
    /// `type`, `event_type` or `object`.
    Kind,
    /// The code of an error.
    Code,
    /// A word that is an error by being there, and its code.
    ErrorWord,
    /// The same, and the end of the answer.
    BlockReason,
    Id,
    Status,
    FinishReason,
    /// Why the answer has ended, if it has a word for failures (Cohere).
    EndReason,
    /// Of images.
    Size,
    Quality,
}

const USAGE: Member = Member::Keep(Kept::Usage);

#[inline]
pub(super) fn member(place: Place, key: &[u8]) -> Member {
    match place {
        Place::Root => root(key),
        Place::StatefulRoot => match key {
            b"id" => Member::Text(Field::Id, 2),
            b"status" => Member::Text(Field::Status, 2),
            b"background" => Member::Background,
            _ => root(key),
        },
        Place::Choice => match key {
            b"delta" => Member::Enter(Place::Delta),
            b"text" => Member::Content,
            b"usage" => USAGE,
            b"error" => Member::Enter(Place::Error),
            b"finish_reason" => Member::Text(Field::FinishReason, 1),
            _ => Member::Skip,
        },
        Place::Delta => match key {
            b"content" | b"reasoning_content" | b"reasoning" | b"tool_calls" | b"refusal"
            | b"text" | b"thinking" | b"partial_json" => Member::Content,
            _ => Member::Skip,
        },
        _ => rare(place, key),
    }
}

/// By length first: most keys are settled by it.
#[inline]
fn root(key: &[u8]) -> Member {
    match key.len() {
        4 => match key {
            b"type" => Member::Text(Field::Kind, 2),
            b"code" => Member::Text(Field::Code, 2),
            b"data" => Member::Enter(Place::Data),
            _ => Member::Skip,
        },
        5 => match key {
            b"usage" => USAGE,
            b"model" => Member::Text(Field::Model, 2),
            b"error" => Member::Enter(Place::Error),
            b"delta" => Member::Enter(Place::Delta),
            _ => Member::Skip,
        },
        6 if key == b"x_groq" => Member::Enter(Place::XGroq),
        7 => match key {
            b"choices" => Member::Enter(Place::Choices),
            b"message" => Member::Enter(Place::Message),
            _ => Member::Skip,
        },
        8 if key == b"response" => Member::Enter(Place::Response),
        10 => match key {
            b"event_type" => Member::Text(Field::Kind, 2),
            b"error_type" => Member::Text(Field::Code, 1),
            b"tool_usage" => Member::Keep(Kept::ToolUsage),
            _ => Member::Skip,
        },
        11 => match key {
            b"interaction" => Member::Enter(Place::Response),
            b"status_code" => Member::Text(Field::Code, 1),
            _ => Member::Skip,
        },
        12 if key == b"service_tier" => Member::Text(Field::ServiceTier, 2),
        15 if key == b"usage_breakdown" => Member::Keep(Kept::Breakdown),
        _ => Member::Skip,
    }
}

/// Places that few events have, or few shapes.
fn rare(place: Place, key: &[u8]) -> Member {
    match place {
        Place::GeminiRoot => match key {
            b"usageMetadata" => USAGE,
            b"candidates" => Member::Enter(Place::Candidates),
            b"promptFeedback" => Member::Enter(Place::PromptFeedback),
            b"modelVersion" => Member::Text(Field::Model, 2),
            b"error" => Member::Enter(Place::Error),
            _ => Member::Skip,
        },
        Place::ObjectRoot => match key {
            b"object" => Member::Text(Field::Kind, 1),
            _ => root(key),
        },
        Place::EmbeddingsRoot => match key {
            // The characters of Vertex AI's are in `metadata`.
            b"usageMetadata" | b"metadata" => USAGE,
            b"error" => Member::Enter(Place::Error),
            _ => Member::Skip,
        },
        Place::WorkersRoot => match key {
            b"response" => Member::Content,
            b"result" => Member::Enter(Place::Result),
            _ => root(key),
        },
        Place::AsyncRoot => match key {
            b"response" => Member::Enter(Place::Result),
            b"status" => Member::Text(Field::Status, 2),
            _ => root(key),
        },
        Place::Response => match key {
            b"usage" => USAGE,
            b"tool_usage" => Member::Keep(Kept::ToolUsage),
            b"model" => Member::Text(Field::Model, 1),
            b"service_tier" => Member::Text(Field::ServiceTier, 1),
            b"error" => Member::Enter(Place::Error),
            b"id" => Member::Text(Field::Id, 1),
            b"status" => Member::Text(Field::Status, 1),
            b"status_details" => Member::Enter(Place::StatusDetails),
            b"background" => Member::Background,
            _ => Member::Skip,
        },
        Place::Message | Place::Result => match key {
            b"usage" => USAGE,
            b"model" => Member::Text(Field::Model, 1),
            b"service_tier" => Member::Text(Field::ServiceTier, 1),
            _ => Member::Skip,
        },
        Place::XGroq => match key {
            b"usage" => USAGE,
            b"usage_breakdown" => Member::Keep(Kept::Breakdown),
            b"error" => Member::Text(Field::ErrorWord, 3),
            _ => Member::Skip,
        },
        Place::Error => match key {
            b"code" => Member::Text(Field::Code, 3),
            b"type" => Member::Text(Field::Code, 1),
            _ => Member::Skip,
        },
        Place::StatusDetails if key == b"error" => Member::Enter(Place::Error),
        Place::Candidate => match key {
            b"content" => Member::Enter(Place::CandidateContent),
            b"finishReason" => Member::Finish,
            _ => Member::Skip,
        },
        Place::CandidateContent if key == b"parts" => Member::Enter(Place::CandidateParts),
        Place::CandidatePart => match key {
            b"text"
            | b"functionCall"
            | b"inlineData"
            | b"executableCode"
            | b"codeExecutionResult" => Member::Content,
            _ => Member::Skip,
        },
        Place::PromptFeedback if key == b"blockReason" => Member::Text(Field::BlockReason, 3),
        _ => other::member(place, key),
    }
}
