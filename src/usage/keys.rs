//! The relevant keys of all shapes, and what to do with their values.
//!
//! Keys are compared without decoding: no provider escapes letters.

use super::figure::Figure;
use super::place::Place;
use crate::util::macros::match_bytes;

/// What to do with the value of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Skip,
    /// Enter the object or array.
    Enter(Place),
    /// Keep the string. The last one of the highest rank counts.
    Text(Field, u8),
    /// Content if it is not empty.
    Content,
    /// Keep the whole object.
    Keep(Kept),
    /// A finish reason.
    Finish,
    /// The flag `background`.
    Background,
    /// A number, or a string with one, scaled by a power of ten.
    Number(Figure, u8),
    /// `true` in the last document of a stream.
    End,
}

/// Objects that are kept until they are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Usage,
    /// The usage in the last document of a stream.
    LastUsage,
    /// `usage_breakdown`: usage by model.
    Breakdown,
    /// `tool_usage`: billed in addition to the usage.
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
    /// A word whose presence is an error, and its code.
    ErrorWord,
    /// Like [`ErrorWord`](Self::ErrorWord), and ends the answer.
    BlockReason,
    Id,
    Status,
    FinishReason,
    /// The finish reason, if it has a word for failures (Cohere).
    EndReason,
    /// The size of images.
    Size,
    Quality,
}

const USAGE: Member = Member::Keep(Kept::Usage);

#[inline]
pub(super) fn member(place: Place, key: &[u8]) -> Member {
    match place {
        Place::Root => root(key),
        Place::StatefulRoot => match_bytes!(key, {
            b"id" => Member::Text(Field::Id, 2),
            b"status" => Member::Text(Field::Status, 2),
            b"background" => Member::Background,
            _ => root(key),
        }),
        Place::Choice => match_bytes!(key, {
            b"delta" => Member::Enter(Place::Delta),
            b"text" => Member::Content,
            b"usage" => USAGE,
            b"error" => Member::Enter(Place::Error),
            b"finish_reason" => Member::Text(Field::FinishReason, 1),
            _ => Member::Skip,
        }),
        Place::Delta => match_bytes!(key, {
            b"content" | b"reasoning_content" | b"reasoning" | b"tool_calls" | b"refusal"
            | b"text" | b"thinking" | b"partial_json" => Member::Content,
            _ => Member::Skip,
        }),
        _ => rare(place, key),
    }
}

#[inline]
fn root(key: &[u8]) -> Member {
    match_bytes!(key, {
        b"usage" => USAGE,
        b"type" | b"event_type" => Member::Text(Field::Kind, 2),
        b"model" => Member::Text(Field::Model, 2),
        b"service_tier" => Member::Text(Field::ServiceTier, 2),
        b"code" => Member::Text(Field::Code, 2),
        b"error_type" | b"status_code" => Member::Text(Field::Code, 1),
        b"choices" => Member::Enter(Place::Choices),
        b"delta" => Member::Enter(Place::Delta),
        b"error" => Member::Enter(Place::Error),
        b"data" => Member::Enter(Place::Data),
        b"message" => Member::Enter(Place::Message),
        b"response" | b"interaction" => Member::Enter(Place::Response),
        b"x_groq" => Member::Enter(Place::XGroq),
        b"tool_usage" => Member::Keep(Kept::ToolUsage),
        b"usage_breakdown" => Member::Keep(Kept::Breakdown),
        _ => Member::Skip,
    })
}

/// Members of places that are rare.
fn rare(place: Place, key: &[u8]) -> Member {
    use Member::{Background, Content, End, Enter, Finish, Keep, Number, Skip, Text};
    use Place::*;
    match (place, key) {
        (GeminiRoot, b"usageMetadata") => USAGE,
        (GeminiRoot, b"candidates") => Enter(Candidates),
        (GeminiRoot, b"promptFeedback") => Enter(PromptFeedback),
        (GeminiRoot, b"modelVersion") => Text(Field::Model, 2),
        (Candidate, b"content") => Enter(CandidateContent),
        (Candidate, b"finishReason") => Finish,
        (Candidate, b"groundingMetadata") => Enter(Grounding),
        (Grounding, b"webSearchQueries" | b"imageSearchQueries") => Enter(SearchQueries),
        (Grounding, b"retrievalQueries") => Enter(OtherQueries),
        (Grounding, b"groundingChunks") => Enter(GroundingChunks),
        (GroundingChunk, b"maps") => Enter(MapsChunk),
        (CandidateContent, b"parts") => Enter(CandidateParts),
        (
            CandidatePart,
            b"text" | b"functionCall" | b"inlineData" | b"executableCode" | b"codeExecutionResult",
        ) => Content,
        (PromptFeedback, b"blockReason") => Text(Field::BlockReason, 3),
        // Vertex AI reports characters in `metadata`.
        (EmbeddingsRoot, b"usageMetadata" | b"metadata") => USAGE,
        (
            GeminiRoot | EmbeddingsRoot | CohereRoot | OllamaRoot | Response | StatusDetails,
            b"error",
        ) => Enter(Error),
        (Response | Message | Result | XGroq | ConverseRoot, b"usage") => USAGE,
        (Response | Message | Result, b"model") => Text(Field::Model, 1),
        (Response | Message | Result, b"service_tier") => Text(Field::ServiceTier, 1),
        (Response, b"tool_usage") => Keep(Kept::ToolUsage),
        (Response, b"id") => Text(Field::Id, 1),
        (Response, b"status") => Text(Field::Status, 1),
        (Response, b"status_details") => Enter(StatusDetails),
        (Response, b"background") => Background,
        (XGroq, b"usage_breakdown") => Keep(Kept::Breakdown),
        (XGroq, b"error") => Text(Field::ErrorWord, 3),
        (Error, b"code") => Text(Field::Code, 3),
        (Error, b"type") => Text(Field::Code, 1),
        (ObjectRoot, b"object") => Text(Field::Kind, 1),
        (WorkersRoot, b"response") => Content,
        (WorkersRoot, b"errors") => Enter(Errors),
        (WorkersRoot, b"result") | (AsyncRoot, b"response") => Enter(Result),
        (AsyncRoot | VideosRoot, b"status") => Text(Field::Status, 2),
        (ConverseRoot, b"serviceTier") => Enter(ConverseTier),
        (ConverseRoot, b"delta") => Enter(ConverseDelta),
        (ConverseTier, b"type") => Text(Field::ServiceTier, 2),
        (ConverseDelta, b"text" | b"toolUse" | b"reasoningContent") => Content,
        (InvokeRoot, b"amazon-bedrock-invocationMetrics") => Keep(Kept::LastUsage),
        // Models without their own API.
        (InvokeRoot, b"prompt_token_count" | b"inputTextTokenCount")
        | (OllamaRoot, b"prompt_eval_count") => Number(Figure::Input, 0),
        (InvokeRoot, b"generation_token_count") | (OllamaRoot, b"eval_count") => {
            Number(Figure::Output, 0)
        }
        (InvokeRoot, b"generation" | b"outputText") => Content,
        // A stream ends with `delta` in version 2, with `response` in version 1.
        (CohereRoot | CohereDelta | CohereResponse, b"usage" | b"meta") | (MetaRoot, b"meta") => {
            USAGE
        }
        (CohereRoot | CohereDelta | CohereResponse, b"finish_reason") => Text(Field::EndReason, 1),
        (CohereRoot, b"type" | b"event_type") => Text(Field::Kind, 2),
        (CohereRoot, b"delta") => Enter(CohereDelta),
        (CohereRoot, b"response") => Enter(CohereResponse),
        (CohereRoot, b"text" | b"tool_call_delta") => Content,
        (CohereDelta, b"message") => Enter(CohereMessage),
        (CohereMessage, b"content") | (OllamaRoot, b"message") => Enter(Delta),
        (CohereMessage, b"tool_plan" | b"tool_calls") => Content,
        (OllamaRoot, b"model") => Text(Field::Model, 2),
        (OllamaRoot, b"response") => Content,
        (OllamaRoot, b"done") => End,
        (ImagesRoot | VideosRoot, b"size") => Text(Field::Size, 1),
        (ImagesRoot, b"quality") => Text(Field::Quality, 1),
        (ImagesRoot, b"b64_json") | (AudioRoot, b"text" | b"audio") => Content,
        (ImagesRoot, b"predictions" | b"images") => Enter(Data),
        (AudioRoot, b"duration") | (VideosRoot, b"seconds") => Number(Figure::DurationMs, 3),
        (OcrRoot, b"usage_info") => USAGE,
        (
            ObjectRoot | WorkersRoot | AsyncRoot | InvokeRoot | MetaRoot | ImagesRoot | AudioRoot
            | VideosRoot | OcrRoot,
            _,
        ) => root(key),
        _ => Skip,
    }
}
