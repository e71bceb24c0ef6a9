//! In-band errors of individual providers, in streams and in JSON, and similar answers that are not
//! errors.

use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::BoxError;
use tower_ai_gateway::settings::FallbackChain;

use crate::fallbacks::scene::*;
use crate::support::scripted::json;

const SSE: &str = "text/event-stream";
const JSON: &str = "application/json";
const RESPONSES: &str = "/v1/acct/gw/grok/v1/responses";
const GEMINI: &str =
    "/v1/acct/gw/google-ai-studio/v1beta/models/gemini-3-pro:streamGenerateContent";
const COHERE: &str = "/v1/acct/gw/acme/v2/chat";
const BODY: &str = r#"{"model":"m","stream":true}"#;

/// Returns whether this answer of the first provider leads to the next step, in any split and with
/// its length declared.
async fn leads_on(path: &str, content_type: &'static str, body: &'static str) -> bool {
    let mut seen = Vec::new();
    for size in [Some(1), Some(5), Some(body.len()), None] {
        // Paths of only one provider lead to the same provider again.
        let chain = match path {
            GEMINI => FallbackChain::on("*").to_provider("google-ai-studio"),
            COHERE => FallbackChain::on("*").to_provider("acme"),
            _ => FallbackChain::on("*").to_model("other"),
        };
        let scene = Scene::new(keys().fallback(chain), move |_, before| {
            if before > 0 {
                return json(200, "{}");
            }
            let response = Response::builder().header("content-type", content_type);
            let Some(size) = size else {
                let whole = Full::from(body).map_err(|never| match never {});
                return Ok(response.body(whole.boxed_unsync()).unwrap());
            };
            let parts = body
                .as_bytes()
                .chunks(size)
                .map(|part| Ok::<_, BoxError>(Frame::data(part.into())));
            let parts = futures_util::stream::iter(parts.collect::<Vec<_>>());
            Ok(response.body(StreamBody::new(parts).boxed_unsync()).unwrap())
        });
        let got = scene.send(path, &[("authorization", "Bearer k")], BODY).await;
        let led = got.header("cf-aig-step") == Some("1");
        assert_eq!(scene.upstream.count(), 1 + usize::from(led), "{body}");
        assert_eq!(got.text(), if led { "{}" } else { body });
        seen.push(led);
    }
    assert!(seen.iter().all(|led| *led == seen[0]), "{seen:?}: {body}");
    seen[0]
}

#[tokio::test]
async fn an_error_in_any_format_leads_to_the_next_step() {
    for (path, content_type, body) in [
        // OpenRouter: beside choices.
        (
            CHAT,
            SSE,
            ": OPENROUTER PROCESSING\n\ndata: {\"id\":\"c\",\"error\":{\"code\":502,\"message\":\"no\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}\n\ndata: [DONE]\n\n",
        ),
        (CHAT, JSON, "{\"error\":{\"code\":502,\"message\":\"no\"},\"choices\":[]}"),
        // Groq
        (
            CHAT,
            SSE,
            "data: {\"choices\":[{\"index\":0,\"delta\":{}}],\"x_groq\":{\"id\":\"r\",\"error\":\"over_capacity\"}}\n\n",
        ),
        // Responses
        (
            RESPONSES,
            JSON,
            "{\"id\":\"r\",\"object\":\"response\",\"status\":\"failed\",\"output\":[],\"error\":{\"code\":\"server_error\",\"message\":\"no\"}}",
        ),
        (
            RESPONSES,
            JSON,
            "{\"id\":\"r\",\"object\":\"response\",\"status\":\"failed\",\"output\":[]}",
        ),
        // Google
        (CHAT, JSON, "[{\"error\":{\"code\":503,\"message\":\"no\",\"status\":\"UNAVAILABLE\"}}]"),
        (
            CHAT,
            SSE,
            "data: [{\"error\":{\"code\":503,\"message\":\"no\",\"status\":\"UNAVAILABLE\"}}]\n\n",
        ),
        (
            GEMINI,
            JSON,
            "[{\n  \"error\": {\n    \"code\": 503,\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n]",
        ),
        (GEMINI, JSON, "{\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":9}}"),
        (
            GEMINI,
            SSE,
            "data: {\"error\":{\"code\":503,\"message\":\"no\",\"status\":\"UNAVAILABLE\"}}\n\n",
        ),
        // Cohere
        (
            COHERE,
            SSE,
            "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"c\"}\n\nevent: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"no\"}}\n\n",
        ),
    ] {
        assert!(leads_on(path, content_type, body).await, "{body}");
    }
}

#[tokio::test]
async fn a_prompt_blocked_by_policy_is_a_response() {
    for (content_type, body) in [
        (
            JSON,
            "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":9}}",
        ),
        (SSE, "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}}\n\n"),
        (JSON, "[{\"promptFeedback\":{\"blockReason\":\"OTHER\"}}]"),
    ] {
        assert!(!leads_on(GEMINI, content_type, body).await, "{body}");
    }
}
