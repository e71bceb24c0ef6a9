//! The keys of shapes that are no chat with OpenAI's, Anthropic's or Google's names.

use super::{Field, Kept, Member, Place, USAGE, root};
use crate::usage::reported::Figure;

pub(super) fn member(place: Place, key: &[u8]) -> Member {
    match place {
        Place::ConverseRoot => match key {
            b"usage" => USAGE,
            b"serviceTier" => Member::Enter(Place::ConverseTier),
            b"delta" => Member::Enter(Place::ConverseDelta),
            _ => Member::Skip,
        },
        Place::ConverseTier if key == b"type" => Member::Text(Field::ServiceTier, 2),
        Place::ConverseDelta => match key {
            b"text" => Member::Content,
            b"toolUse" | b"reasoningContent" => Member::Content,
            _ => Member::Skip,
        },
        Place::InvokeRoot => match key {
            b"amazon-bedrock-invocationMetrics" => Member::Keep(Kept::LastUsage),
            // Of models that have no API of their own.
            b"prompt_token_count" | b"inputTextTokenCount" => Member::Number(Figure::Input, 0),
            b"generation_token_count" => Member::Number(Figure::Output, 0),
            b"generation" | b"outputText" => Member::Content,
            _ => root(key),
        },
        Place::CohereRoot => match key {
            b"usage" | b"meta" => USAGE,
            b"type" | b"event_type" => Member::Text(Field::Kind, 2),
            b"delta" => Member::Enter(Place::CohereDelta),
            b"response" => Member::Enter(Place::CohereResponse),
            b"finish_reason" => Member::Text(Field::EndReason, 1),
            b"text" | b"tool_call_delta" => Member::Content,
            b"error" => Member::Enter(Place::Error),
            _ => Member::Skip,
        },
        // What ends a stream: `delta` in the one version, `response` in the other.
        Place::CohereDelta | Place::CohereResponse => match key {
            b"usage" | b"meta" => USAGE,
            b"finish_reason" => Member::Text(Field::EndReason, 1),
            b"message" if place == Place::CohereDelta => Member::Enter(Place::CohereMessage),
            _ => Member::Skip,
        },
        Place::CohereMessage => match key {
            b"content" => Member::Enter(Place::Delta),
            b"tool_plan" | b"tool_calls" => Member::Content,
            _ => Member::Skip,
        },
        Place::MetaRoot => match key {
            b"meta" => USAGE,
            _ => root(key),
        },
        Place::OllamaRoot => match key {
            b"model" => Member::Text(Field::Model, 2),
            b"message" => Member::Enter(Place::Delta),
            b"response" => Member::Content,
            b"prompt_eval_count" => Member::Number(Figure::Input, 0),
            b"eval_count" => Member::Number(Figure::Output, 0),
            b"done" => Member::End,
            b"error" => Member::Enter(Place::Error),
            _ => Member::Skip,
        },
        Place::ImagesRoot => match key {
            b"size" => Member::Text(Field::Size, 1),
            b"quality" => Member::Text(Field::Quality, 1),
            b"b64_json" => Member::Content,
            b"predictions" | b"images" => Member::Enter(Place::Data),
            _ => root(key),
        },
        Place::AudioRoot => match key {
            b"duration" => Member::Number(Figure::DurationMs, 3),
            b"text" | b"audio" => Member::Content,
            _ => root(key),
        },
        Place::VideosRoot => match key {
            b"status" => Member::Text(Field::Status, 2),
            b"seconds" => Member::Number(Figure::DurationMs, 3),
            b"size" => Member::Text(Field::Size, 1),
            _ => root(key),
        },
        Place::OcrRoot => match key {
            b"usage_info" => USAGE,
            _ => root(key),
        },
        _ => Member::Skip,
    }
}
