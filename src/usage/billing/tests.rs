//! Which calls are billed.

use super::*;

fn of<'a>(method: &str, rest: &'a str, status: u16) -> Billing<'a> {
    at("grok", method, rest, status)
}

fn at<'a>(kind: &str, method: &str, rest: &'a str, status: u16) -> Billing<'a> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    let operation = Operation::of(rest);
    match billing(&Call { method: &method, operation, kind, rest, status }) {
        Billing::Once { id } => {
            let at = rest.find(id).unwrap();
            Billing::Once { id: &rest[at..at + id.len()] }
        }
        Billing::Later { id } => {
            let at = rest.find(id).unwrap();
            Billing::Later { id: &rest[at..at + id.len()] }
        }
        Billing::Always => Billing::Always,
        Billing::IfReported => Billing::IfReported,
        Billing::Unknown => Billing::Unknown,
        Billing::Never => Billing::Never,
    }
}

#[test]
fn new_work_is_billed() {
    for rest in [
        "v1/chat/completions",
        "chat/completions",
        "v1/responses",
        "v1/responses/",
        "v1/agent",
        "v1/decisions",
        "v1/sonar",
        "deployments/agent/responses",
        "deployments/completions/chat/completions",
        "openai/deployments/chat/chat/completions/",
        "chat/completions/chat/completions",
        "v1/messages",
        "v1/completions",
        "v1/embeddings",
        "v1/images/generations",
        "v1/images/edits",
        "v1/something/new",
        // What follows is no id.
        "chat/completions/%2F",
        "chat/completions/a b",
        "v1/responses/%2F",
        "v1beta/interactions/%2F",
        // No such calls exist.
        "v1/images/generations/cancel",
        "v1/messages/cancel",
        "v1beta/models/gemini:cancel",
        "v1/something/cancel",
    ] {
        assert_eq!(of("POST", rest, 200), Billing::Always, "{rest}");
    }
    for method in ["PUT", "PATCH", "post"] {
        assert_eq!(of(method, "v1/chat/completions", 200), Billing::Always, "{method}");
        assert_eq!(of(method, "v1/files", 200), Billing::Never, "{method}");
    }
    assert_eq!(of("GET", "v1/chat/deferred-completion/r1", 200), Billing::Always);
}

#[test]
fn free_calls_and_repeated_usage_are_not_billed() {
    for (method, rest, status) in [
        ("POST", "v1/messages/count_tokens", 200),
        ("POST", "v1/responses/input_tokens", 200),
        ("POST", "v1beta/models/gemini:countTokens", 200),
        ("POST", "v1/projects/p/locations/r/publishers/google/models/g:computeTokens", 200),
        (
            "POST",
            "v1/projects/p/locations/r/publishers/anthropic/models/count-tokens:rawPredict",
            200,
        ),
        ("POST", "model/a.b/count-tokens", 200),
        ("POST", "v1/tokenize", 200),
        ("POST", "v1/detokenize", 200),
        ("POST", "v1/check-api-key", 200),
        ("POST", "v1/tokenizers/estimate-token-count", 200),
        ("POST", "v1/tokenize-text", 200),
        ("GET", "v1/tcp_warming", 200),
        ("POST", "v1/tcp_warming", 200),
        ("GET", "generation", 200),
        ("GET", "key", 200),
        ("GET", "user/balance", 200),
        ("DELETE", "v1/files/f1", 200),
        ("POST", "upload/v1beta/files", 200),
        ("POST", "v1/uploads/u/parts", 200),
        ("POST", "v1beta/interactions/i_1/cancel", 200),
        ("POST", "v1/batches/b_1:cancel", 200),
        ("POST", "v1/predictions/p_1/cancel", 200),
        ("POST", "v1/fine_tuning/jobs/j_1/cancel", 200),
        ("POST", "v1/threads/t_1/runs/r_1/cancel", 200),
        ("POST", "v1beta/models/veo/operations/o_1:cancel", 200),
        ("POST", "v1/realtime/client_secrets", 200),
        ("POST", "api/show", 200),
        ("POST", "v1/threads/t_1/messages", 200),
        ("POST", "v1/publishers/google/models/veo:fetchPredictOperation", 200),
        ("GET", "v1beta/cachedContents/c_1", 200),
        ("GET", "v1/responses/resp_1/input_items", 200),
        ("GET", "v1/responses", 200),
        ("POST", "v1beta/interactions/i1/cancel", 200),
        ("DELETE", "v1/responses/resp_1", 200),
        ("POST", "v1/responses/resp_1/cancel", 200),
        ("GET", "v1/batches/b1/results", 200),
        ("POST", "v1/batches", 200),
        ("GET", "v1/messages/batches/b1/results", 200),
        ("POST", "v1/messages/batches", 200),
        ("GET", "v1/models", 200),
        ("GET", "v1/language-models/grok-4.3", 200),
        ("GET", "v1/files/f1/content", 200),
        ("POST", "v1/files", 200),
        ("GET", "v1/chat/completions/c1", 200),
        ("POST", "v1/chat/completions/c1", 200),
        ("POST", "chat/completions/c1/", 200),
        ("POST", "openai/v1/chat/completions/c1", 200),
        ("POST", "v1/agent/resp_1/cancel", 200),
        ("POST", "v1/agent/resp_1", 200),
        ("GET", "v1/agent", 200),
        ("GET", "v1/agent/resp_1/input_items", 200),
        ("GET", "v1/chat/deferred-completion/r1", 202),
        ("GET", "v1/videos/r1", 202),
        ("GET", "v1/videos", 200),
        ("HEAD", "v1/chat/completions", 200),
    ] {
        assert_eq!(of(method, rest, status), Billing::Never, "{method} {rest} {status}");
    }
}

#[test]
fn an_answer_made_later_is_billed_once() {
    for (rest, id) in [
        ("v1/responses/resp_1", "resp_1"),
        ("responses/resp_1/", "resp_1"),
        ("v1/agent/resp_1", "resp_1"),
        ("v1beta/interactions/i1", "i1"),
    ] {
        assert_eq!(of("GET", rest, 200), Billing::Later { id }, "{rest}");
    }
    for rest in ["v1/async/sonar", "async/chat/completions"] {
        let at = |method, rest| at("perplexity-ai", method, rest, 200);
        assert_eq!(at("POST", rest), Billing::Never, "{rest}");
        assert_eq!(at("GET", rest), Billing::Never, "{rest}");
        assert_eq!(at("GET", &format!("{rest}/a1")), Billing::Later { id: "a1" }, "{rest}");
    }
    assert_eq!(of("POST", "v1beta/interactions", 200), Billing::Always);
}

#[test]
fn a_video_is_billed_once() {
    assert_eq!(of("GET", "v1/videos/r1", 200), Billing::Once { id: "r1" });
    assert_eq!(of("POST", "v1/videos/generations", 200), Billing::IfReported);
    assert_eq!(of("POST", "v1/videos", 200), Billing::IfReported);
    assert_eq!(of("POST", "v1beta/models/veo:predictLongRunning", 200), Billing::Always);
}

#[test]
fn calls_that_only_look_free_are_billed() {
    for (provider, rest, expected) in [
        ("openai", "v1/moderations", Billing::Never),
        ("mistral", "v1/moderations", Billing::Always),
        ("mistral", "v1/chat/moderations", Billing::Always),
        ("custom-own", "v1/moderations", Billing::Always),
        ("mistral", "v1/ocr", Billing::Always),
        ("openai", "responses/compact", Billing::Always),
        ("openai", "v1/containers", Billing::Always),
        ("openai", "v1/vector_stores", Billing::Always),
        ("openai", "v1/realtime/calls", Billing::Always),
        ("openai", "v1/threads/t_1/runs", Billing::Always),
        ("openai", "v1/conversations", Billing::Never),
        ("mistral", "v1/conversations", Billing::Always),
        ("google-ai-studio", "v1beta/cachedContents", Billing::Unknown),
        ("anthropic", "v1/sessions/s_1", Billing::Unknown),
        ("custom-own", "v1/models/owner/name", Billing::Always),
        ("custom-own", "v1/models/owner/name/predictions", Billing::Always),
    ] {
        assert_eq!(at(provider, "POST", rest, 200), expected, "{provider} {rest}");
    }
}
