//! A control header that is malformed, or there twice, is refused by its name.

use super::*;

/// Control headers with invalid values, and the text that the answer must contain in addition to
/// the name.
const MALFORMED: [(&str, &str, &str); 42] = [
    ("cf-aig-gateway-id", "a b", "1 to 64"),
    ("cf-aig-gateway-id", "..", "1 to 64"),
    ("cf-aig-request-timeout", "0", "3600000"),
    ("cf-aig-request-timeout", "3600001", "3600000"),
    ("cf-aig-request-timeout", "-1", "3600000"),
    ("cf-aig-request-timeout", "+5", "3600000"),
    ("cf-aig-request-timeout", "1.5", "3600000"),
    ("cf-aig-request-timeout", "5s", "3600000"),
    ("cf-aig-request-timeout", "99999999999999999999", "3600000"),
    ("cf-aig-request-timeout", "", "3600000"),
    ("cf-aig-max-attempts", "0", "1 to 5"),
    ("cf-aig-max-attempts", "6", "1 to 5"),
    ("cf-aig-retry-delay", "5001", "0 to 5000"),
    ("cf-aig-backoff", "Constant", "exponential"),
    ("cf-aig-backoff", "random", "exponential"),
    ("cf-aig-skip-cache", "yes", "true or false"),
    ("cf-skip-cache", "1", "true or false"),
    ("cf-aig-cache-ttl", "59", "60 to 2592000"),
    ("cf-aig-cache-ttl", "2592001", "60 to 2592000"),
    ("cf-cache-ttl", "-60", "60 to 2592000"),
    ("cf-aig-cache-key", "a b", "1 to 256"),
    ("cf-aig-cache-key", "", "1 to 256"),
    ("cf-aig-metadata", "team=a", "JSON object"),
    ("cf-aig-metadata", "[1]", "JSON object"),
    ("cf-aig-metadata", "{\"a\":1", "JSON object"),
    ("cf-aig-metadata", "{\"a\":1}}", "JSON object"),
    ("cf-aig-custom-cost", "{}", "total_cost"),
    ("cf-aig-custom-cost", "{\"total_cost\":1,\"currency\":\"EUR\"}", "no member `currency`"),
    ("cf-aig-custom-cost", "0.1", "total_cost"),
    ("cf-aig-custom-cost", "{\"total_cost\":-1}", "total_cost"),
    ("cf-aig-custom-cost", "{\"total_cost\":\"1\"}", "total_cost"),
    ("cf-aig-custom-cost", "{\"total_cost\":1e999}", "total_cost"),
    ("cf-aig-collect-log", "on", "true or false"),
    ("cf-aig-collect-log-payload", "TRUE", "true or false"),
    ("cf-aig-event-id", "a b", "1 to 64"),
    ("cf-aig-event-id", "", "1 to 64"),
    ("cf-aig-byok-alias", "a/b", "1 to 64"),
    ("cf-aig-byok-alias", "", "1 to 64"),
    ("cf-aig-otel-trace-id", "0af7651916cd43dd", "32 hex"),
    ("cf-aig-otel-trace-id", "00000000000000000000000000000000", "32 hex"),
    ("cf-aig-otel-parent-span-id", "b7ad6b716920333g", "16 hex"),
    ("cf-aig-otel-parent-span-id", "b7ad6b71692033310", "16 hex"),
];

#[tokio::test]
async fn a_malformed_control_header_is_named_to_openai_and_anthropic_sdks() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1")).all_controls().start().await;
    let long = "x".repeat(300);
    let long = ["cf-aig-event-id", "cf-aig-cache-key", "cf-aig-gateway-id"]
        .map(|name| (name, &*long, "1 to"));
    let body = br#"{"model":"grok/grok-4"}"#;
    for (name, value, must_be) in MALFORMED.into_iter().chain(long) {
        for (path, is_anthropic) in [
            ("/v1/a/g/grok/v1/chat/completions", false),
            ("/ai/grok/v1/messages", true),
            ("/ai/grok/v1/messages/count_tokens", true),
            ("/ai/grok/v1/messages/batches/b_1/results", true),
            ("/ai/grok/v1/threads/t_1/messages", false),
            ("/ai/compat/responses", false),
            ("/ai/compat/messages", true),
            ("/client/v4/accounts/a/ai/v1/messages", true),
            ("/ai/compat/nosuch", false),
        ] {
            let header = format!("{name}: {value}");
            let answer = gateway.answer(request(&format!("POST {path}"), &[&header], body)).await;
            let error = answer.gateway_error(400, 2400);
            let message = error["error"]["message"].as_str().unwrap();
            assert!(message.contains(name) && message.contains(must_be), "{header}: {message}");
            assert_eq!(error["error"]["type"], "invalid_request_error");
            assert_eq!(answer.head.get("x-should-retry"), Some("false"));
            if is_anthropic {
                assert_eq!(error["type"], "error");
                assert_eq!(error["error"].as_object().unwrap().len(), 2, "{error}");
            } else {
                assert_eq!(error["error"]["code"], "malformed_request");
                assert_eq!(error["error"]["param"], name);
            }
        }
    }
    upstream.assert_untouched("the headers were malformed");
}

#[tokio::test]
async fn a_repeated_control_header_is_refused() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for header in ["cf-aig-max-attempts: 1", "cf-aig-metadata: {}", "cf-aig-event-id: a"] {
        let answer = gateway.answer(request("POST /ai/grok/x", &[header, header], b"{}")).await;
        let error = answer.gateway_error(400, 2400);
        let (name, _) = header.split_once(':').unwrap();
        assert!(error["error"]["message"].as_str().unwrap().contains(name), "{error}");
    }
    upstream.assert_untouched("the headers were there twice");
}

#[tokio::test]
async fn the_bounds_of_every_control_header_are_accepted() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1")).all_controls().start().await;
    for header in [
        "cf-aig-request-timeout: 1",
        "cf-aig-request-timeout: 3600000",
        "cf-aig-max-attempts: 1",
        "cf-aig-max-attempts: 5",
        "cf-aig-retry-delay: 0",
        "cf-aig-retry-delay: 5000",
        "cf-aig-backoff: constant",
        "cf-aig-backoff: linear",
        "cf-aig-cache-ttl: 0",
        "cf-aig-cache-ttl: 60",
        "cf-aig-cache-ttl: 2592000",
        "cf-aig-skip-cache: true",
        "cf-skip-cache: false",
        "cf-aig-cache-key: !~",
        "cf-aig-metadata: {}",
        "cf-aig-metadata:  { \"a\" : \"\\u00e9\" } ",
        "cf-aig-custom-cost: {\"total_cost\":0}",
        "cf-aig-custom-cost: {\"per_token_in\":1e-6,\"per_token_out\":0.5}",
        "cf-aig-otel-trace-id: 0AF7651916cd43dd8448eb211c80319c",
        "cf-aig-otel-parent-span-id: b7ad6b7169203331",
        "cf-aig-of-the-future: anything",
    ] {
        let answer = gateway.answer(request("POST /ai/grok/x", &[header], b"{}")).await;
        assert_eq!(answer.status(), 200, "{header}: {}", answer.text());
        assert_eq!(answer.head.get("cf-aig-warning"), None, "{header}");
    }
}
