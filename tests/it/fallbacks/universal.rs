//! Universal requests: each entry of a body is a step.

use tower_ai_gateway::settings::FallbackChain;

use crate::fallbacks::scene::*;
use crate::support::scripted::{answer, json};

const PATH: &str = "/v1/acct/gw";

#[tokio::test]
async fn each_entry_is_sent_as_its_own_request() {
    let body = r#"[
        {"provider":"grok","endpoint":"v1/chat/completions?a=b","headers":{"Authorization":"Bearer mine","x-grok-conv-id":"c"},
         "query":{"model" : "grok-4","n":1.50}},
        {"provider":"openai","endpoint":"/chat/completions","headers":{"OpenAI-Organization":"o"},"query": { "model":"gpt","é":[ ] }},
        {"provider":"anthropic","endpoint":"v1/messages","headers":{"x-api-key":"own","anthropic-version":"1"},"query":{"model":"claude"}},
        {"provider":"compat","endpoint":"chat/completions","query":{"model":"acme/m","stream":true}}
    ]"#;
    // Chains do not apply.
    let settings = keys().fallback(FallbackChain::on("*").to("google-ai-studio", "gemini"));
    let scene = Scene::new(settings, busy(&[GROK, OPENAI, ANTHROPIC]));
    let outer = [
        ("authorization", "Bearer sk-of-nobody-knows-whom"),
        ("x-api-key", "sk-of-nobody-knows-whom"),
        ("user-agent", "test/1.0"),
        ("x-team", "t"),
    ];
    let got = scene.send(PATH, &outer, body).await;
    assert_eq!((got.status, got.text()), (200, r#"{"from":"acme.test"}"#));
    assert_eq!(got.answered_by(), ("3", Some("custom-acme"), Some("m")));
    let calls = scene.upstream.calls();
    let expected = [
        (
            "https://api.x.ai/v1/chat/completions?a=b",
            "authorization",
            "Bearer mine",
            r#"{"model" : "grok-4","n":1.50}"#,
        ),
        (
            "https://api.openai.com/v1/chat/completions",
            "authorization",
            "Bearer sk-for-openai",
            r#"{ "model":"gpt","é":[ ] }"#,
        ),
        ("https://api.anthropic.com/v1/messages", "x-api-key", "own", r#"{"model":"claude"}"#),
        (
            "https://acme.test/v1/chat/completions",
            "x-acme-key",
            "sk-for-acme",
            r#"{"model":"m","stream":true}"#,
        ),
    ];
    assert_eq!(calls.len(), expected.len());
    for (call, (uri, header, key, body)) in calls.iter().zip(expected) {
        assert_eq!(
            (call.uri.to_string(), call.header(header), call.text()),
            (uri.into(), Some(key), body)
        );
        assert_eq!(call.header("content-length"), Some(&*body.len().to_string()));
        assert_eq!(call.header("host"), Some(call.authority()));
        assert_eq!(call.header("user-agent"), Some("test/1.0"));
        assert_eq!(call.header("content-type"), Some("application/json"));
        assert!(!call.headers.contains_key("x-team"));
        let keys = ["authorization", "x-api-key", "x-acme-key"];
        assert_eq!(keys.iter().filter(|name| call.headers.contains_key(**name)).count(), 1);
    }
    assert_eq!(calls[0].header("x-grok-conv-id"), Some("c"));
    assert_eq!(calls[1].header("openai-organization"), Some("o"));
    assert_eq!(calls[1].header("x-grok-conv-id"), None);
    let end = scene.events.end();
    assert_eq!((end.step, end.attempts, end.stream_requested), (3, 4, true));
    assert_eq!(
        (end.provider.as_deref(), end.request_model.as_deref()),
        (Some("custom-acme"), Some("m"))
    );
}

#[tokio::test(start_paused = true)]
async fn config_overrides_headers_of_the_entry_and_these_those_of_the_request() {
    let entry = |config: &str, headers: &str| {
        format!(
            r#"{{"provider":"openai","endpoint":"v1/chat/completions","query":{{"model":"m"}},
               "headers":{{{headers}}},"config":{{{config}}}}}"#
        )
    };
    let body = format!(
        "[{},{},{},{}]",
        entry(r#""maxAttempts":2,"retryDelay":10"#, r#""cf-aig-max-attempts":"4""#),
        entry("", r#""cf-aig-max-attempts":"2","cf-aig-retry-delay":"100""#),
        entry("", ""),
        entry(r#""max_attempts":1"#, ""),
    );
    let scene = Scene::new(keys(), busy(&[OPENAI]));
    let outer = [
        ("cf-aig-max-attempts", "3"),
        ("cf-aig-retry-delay", "1000"),
        ("cf-aig-backoff", "constant"),
    ];
    assert_eq!(scene.send(PATH, &outer, &body).await.status, 503);
    let expected = [0, 10, 10, 110, 110, 1110, 2110, 2110];
    assert_eq!(scene.upstream.times(), expected);
    let steps: Vec<_> = scene.events.attempts().iter().map(|attempt| attempt.step).collect();
    assert_eq!(steps, [0, 0, 1, 1, 2, 2, 2, 3]);
    assert_eq!(scene.events.end().attempts, 8);
}

#[tokio::test]
async fn all_sixteen_entries_are_tried() {
    let entry = |n: usize| {
        format!(
            r#"{{"provider":"openai","endpoint":"v1/chat/completions","query":{{"model":"m","n":{n}}}}}"#
        )
    };
    let body = (0..16).map(entry).collect::<Vec<_>>().join(",");
    for answers in [0, 7, 15, 16] {
        let scene = Scene::new(keys(), move |_, before| {
            json(if before < answers { 503 } else { 200 }, "{}")
        });
        let got = scene.send(&format!("{PATH}/"), &[], &format!("[{body}]")).await;
        assert_eq!(got.status, if answers < 16 { 200 } else { 503 });
        assert_eq!(got.header("cf-aig-step"), Some(&*answers.min(15).to_string()));
        let calls = scene.upstream.calls();
        for (n, call) in calls.iter().enumerate() {
            assert_eq!(call.text(), format!(r#"{{"model":"m","n":{n}}}"#));
        }
        assert_eq!(calls.len(), (answers + 1).min(16));
    }
}

#[tokio::test]
async fn streams_and_redirects_pass() {
    let body = r#"[{"provider":"openai","endpoint":"v1/chat/completions","query":{"model":"m","stream":true}},
        {"provider":"acme","endpoint":"x","query":{}}]"#;
    let stream = "data: 1\n\ndata: [DONE]\n\n";
    let scene = Scene::new(keys(), move |_, _| {
        answer(200, &[("content-type", "text/event-stream")], stream)
    });
    let got = scene.send(PATH, &[], body).await;
    assert_eq!((got.text(), got.header("cf-aig-step")), (stream, Some("0")));
    assert!(scene.events.end().stream_requested);
    let scene = Scene::new(keys(), |_, _| answer(307, &[("location", "https://evil.test/")], ""));
    let got = scene.send(PATH, &[], body).await;
    assert_eq!((got.status, got.header("location")), (307, Some("https://evil.test/")));
    assert_eq!(scene.upstream.count(), 1);
}

#[tokio::test]
async fn an_entry_without_a_key_is_sent_to_its_provider() {
    let body = r#"[{"provider":"grok","endpoint":"v1/chat/completions","query":{"model":"m"}},
        {"provider":"openai","endpoint":"v1/models"}]"#;
    let scene = Scene::new(keys(), busy(&[GROK]));
    let got = scene.send(PATH, &[], body).await;
    assert_eq!(got.answered_by(), ("1", Some("openai"), None));
    let calls = scene.upstream.calls();
    assert!(!calls[0].headers.contains_key("authorization"));
    assert_eq!((calls[1].uri.path(), calls[1].text()), ("/v1/models", ""));
    assert!(!calls[1].headers.contains_key("content-type"));
}

#[tokio::test]
async fn a_dynamic_route_is_no_entry() {
    let scene = Scene::new(keys(), |_, _| json(200, "{}"));
    for (provider, param) in [("compat", "[0].query.model"), ("openai", "")] {
        let body = format!(
            r#"[{{"provider":"{provider}","endpoint":"chat/completions","query":{{"model":"dynamic/support"}}}}]"#
        );
        let got = scene.send(PATH, &[], &body).await;
        let is_refused = !param.is_empty();
        assert_eq!(got.status, if is_refused { 400 } else { 200 }, "{}", got.text());
        if is_refused {
            assert!(got.text().contains(&format!(r#""param":"{param}""#)), "{}", got.text());
            assert!(got.text().contains("dynamic route"), "{}", got.text());
            assert_eq!(scene.upstream.count(), 0, "nothing is sent");
        }
    }
}
