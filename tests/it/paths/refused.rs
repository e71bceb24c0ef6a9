//! Paths that lead out of the gateway or nowhere are refused.

use super::*;

#[tokio::test]
async fn dot_segments_are_refused_in_every_encoding() {
    let (gateway, grok, acme) = two_providers().await;
    for rest in [
        "..",
        ".",
        "../x",
        "./x",
        "a/../b",
        "a/./b",
        "a/..",
        "a/.",
        "%2e%2e/x",
        "%2E%2E",
        "a/%2e./b",
        ".%2e",
        "a/..%2fb",
        "a%2f..%2fb",
        "a%2F%2e%2e%2Fb",
        "a%5c..",
        "a%5C..%5Cb",
        "a\\..\\b",
        "..;/x",
        "..;a=b",
        "a/%2e%2e;x/b",
        "%252e%252e/x",
        "a/%25252e./b",
        "%%32%65%%32%65/x",
        "a%252f..",
        "a/.%2fb",
        "/../x",
        "//..",
        "v1/../../x",
        "..%5c",
        "v1/..?x=1",
    ] {
        for style in ["/v1/acct/gw/grok/", "/ai/grok/", "/only/grok/", "/v1/acct/gw/acme/"] {
            let target = format!("{style}{rest}");
            let answer = gateway.answer(post(&target, "")).await;
            assert_eq!(answer.status(), 400, "{target}");
            let error = answer.gateway_error(400, 2400);
            assert!(error["error"]["message"].as_str().unwrap().contains("path"), "{error}");
            assert_eq!(answer.head.get("x-should-retry"), Some("false"));
        }
    }
    grok.assert_untouched("the paths were refused");
    acme.assert_untouched("the paths were refused");
}

#[tokio::test]
async fn unroutable_gateway_paths_are_refused_with_a_reason() {
    let (gateway, grok, acme) = two_providers().await;
    let long = format!("/v1/{}/gw/grok/x", "a".repeat(65));
    for (line, status, code, named) in [
        ("POST /only/nosuch/chat", 400, 2008, "nosuch"),
        ("POST /only/%67rok/chat", 400, 2008, "%67rok"),
        ("POST /only/Grok/chat", 400, 2008, "Grok"),
        ("POST /only/openai/chat", 400, 2008, "openai"),
        ("POST /v1/acct/gw/custom-nosuch/chat", 400, 2008, "custom-nosuch"),
        ("POST /ai/custom-/chat", 400, 2008, "custom-"),
        ("POST /v1/acct/gw/compat/models", 404, 2400, "path"),
        ("POST /v1/acct/gw/compat", 404, 2400, "path"),
        ("POST /ai/compat/chat/completions/x", 404, 2400, "path"),
        ("POST /only/", 404, 2400, "path"),
        ("GET /v1/acct/gw/compat/chat/completions", 405, 2400, "POST"),
        ("PUT /ai/compat/responses", 405, 2400, "POST"),
        ("GET /client/v4/accounts/a/ai/v1/messages", 405, 2400, "POST"),
        ("POST /v1/ac%20ct/gw/grok/x", 400, 2400, "account id"),
        ("POST /v1//gw/grok/x", 400, 2400, "account id"),
        ("POST /v1/../gw/grok/x", 400, 2400, "account id"),
        ("POST /v1/acct//grok/x", 400, 2400, "gateway id"),
        ("POST /v1/acct/./grok/x", 400, 2400, "gateway id"),
        (&format!("POST {long}"), 400, 2400, "account id"),
        ("TRACE /v1/acct/gw/grok/x", 400, 2400, "TRACE"),
    ] {
        let answer = gateway.answer(request(line, &[], b"")).await;
        let error = answer.gateway_error(status, code);
        assert!(error["error"]["message"].as_str().unwrap().contains(named), "{line}: {error}");
        assert_eq!(answer.head.get("x-should-retry"), Some("false"), "{line}");
        assert_eq!(answer.head.get("allow"), (status == 405).then_some("POST"), "{line}");
    }
    grok.assert_untouched("the paths lead nowhere");
    acme.assert_untouched("the paths lead nowhere");
}
