//! Google's own APIs.

use serde_json::{Value, json};

use super::fixture::{Fixture, JSON};

const ONE: &str = "v1beta/models/gemini-x:generateContent";
const SSE: &str = "v1beta/models/gemini-x:streamGenerateContent?alt=sse";
const ARRAY: &str = "v1beta/models/gemini-x:streamGenerateContent";

fn part(text: &str, finish: Option<&str>, usage: Value) -> Value {
    let mut candidate =
        json!({"content": {"role": "model", "parts": [{"text": text}]}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-x-001", "responseId": "r"})
}

pub fn fixtures() -> Vec<Fixture> {
    let thought = json!({"promptTokenCount": 20, "candidatesTokenCount": 198, "thoughtsTokenCount": 405, "totalTokenCount": 623});
    let early = json!({"promptTokenCount": 20, "totalTokenCount": 20});
    let grounded = json!({"promptTokenCount": 427, "candidatesTokenCount": 122, "toolUsePromptTokenCount": 771,
        "thoughtsTokenCount": 447, "totalTokenCount": 1767, "cachedContentTokenCount": 100,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 127}, {"modality": "AUDIO", "tokenCount": 300}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 122}]});
    let drawn = json!({"promptTokenCount": 30, "candidatesTokenCount": 1300, "totalTokenCount": 1330,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}, {"modality": "IMAGE", "tokenCount": 20}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 10}, {"modality": "IMAGE", "tokenCount": 1290}]});
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}, "modelVersion": "gemini-x-001"});
    let chunks = [part("3", None, early), part("6", Some("STOP"), thought.clone())];
    let quota = json!({"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}});
    let own = |fixture: Fixture| fixture.operation("generate_content").model("gemini-x-001");
    vec![
        own(Fixture::json("Gemini", "google-ai-studio", ONE, &part("36", Some("STOP"), thought.clone())))
            .tokens(20, 603)
            .reasoning(405),
        own(Fixture::sse("Gemini's events", "google-ai-studio", SSE, &chunks)).tokens(20, 603).reasoning(405),
        own(Fixture::raw("Gemini's array", "google-ai-studio", ARRAY, JSON, format!("[{}\n,\r\n{}\n]", chunks[0], chunks[1])))
            .tokens(20, 603)
            .reasoning(405),
        own(Fixture::json("Gemini with tools, cache and sound", "google-ai-studio", ONE, &part("x", Some("STOP"), grounded)))
            .tokens(1198, 569)
            .cached(100, 0, 0)
            .reasoning(447)
            .unit("audio_input", 300),
        own(Fixture::json("Gemini draws", "google-ai-studio", ONE, &part("x", Some("STOP"), drawn)))
            .tokens(30, 1300)
            .unit("image_input", 20)
            .unit("image_output", 1290),
        own(Fixture::sse("Gemini's events break off", "google-ai-studio", SSE, &chunks[..1])).input(20).unfinished(),
        own(Fixture::json("Gemini refuses", "google-ai-studio", ONE, &blocked)).input(4).failed("SAFETY"),
        own(Fixture::sse("Gemini refuses in a stream", "google-ai-studio", SSE, &[blocked])).input(4).failed("SAFETY"),
        Fixture::json("an error in an array", "google-ai-studio", "v1beta/openai/chat/completions", &json!([quota.clone()]))
            .operation("chat")
            .failed("429"),
        Fixture::json("a count is free", "google-ai-studio", "v1beta/models/gemini-x:countTokens",
            &json!({"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}]}))
            .operation("count_tokens"),
        Fixture::json("a cached content is no inference", "google-ai-studio", "v1beta/cachedContents",
            &json!({"name": "cachedContents/c1", "model": "models/gemini-x", "usageMetadata": {"totalTokenCount": 5000}}))
            .operation("cached_contents")
        .model("models/gemini-x"),
        Fixture::json("Gemini at Vertex AI", "google-vertex-ai",
            "v1/projects/p/locations/global/publishers/google/models/gemini-x:generateContent", &part("36", Some("STOP"), thought))
            .operation("generate_content")
            .model("gemini-x-001")
            .tokens(20, 603)
            .reasoning(405),
        Fixture::json("an interaction", "google-ai-studio", "v1beta/interactions",
            &json!({"id": "i1", "object": "interaction", "model": "gemini-x", "status": "completed", "outputs": [{"type": "text", "text": "hi"}],
                "usage": {"total_input_tokens": 22, "total_cached_tokens": 0, "total_output_tokens": 973,
                    "total_thought_tokens": 129, "total_tool_use_tokens": 249, "total_tokens": 1373}}))
            .operation("interactions")
            .model("gemini-x")
            .tokens(271, 1102)
            .reasoning(129),
    ]
}
