//! Guards get each kind of request once, unchanged and without credentials.

use std::sync::Arc;

use tower_ai_gateway::guard::Verdict;
use tower_ai_gateway::settings::route::{DynamicRoute, Node};
use tower_ai_gateway::settings::{FallbackChain, GatewayToken};
use tower_ai_gateway::{Provider, Refusal};

use crate::guards::scene::*;
use crate::support::ends::Ends;
use crate::support::message::{request, response};
use crate::support::raw_upstream::Recorder;

#[tokio::test]
async fn every_kind_of_request_is_shown_before_it_is_sent() {
    let route = DynamicRoute::builder("r").start("m").node("m", Node::model("openai", "gpt-5"));
    let settings = Arc::new(keys().route(route.build().unwrap()).build().unwrap());
    let prefixed = r#"{"model":"grok/grok-4","n":"x"}"#;
    let plain = r#"{"model":"grok-4","n":"x"}"#;
    for (line, body, provider, path, model, sent) in [
        (NATIVE, plain, "grok", "v1/chat/completions", Some("grok-4"), plain),
        (COMPAT, prefixed, "grok", "chat/completions", Some("grok-4"), plain),
        (REST, prefixed, "grok", "chat/completions", Some("grok-4"), plain),
        (
            COMPAT,
            r#"{"n":"x","model":"dynamic/r"}"#,
            "openai",
            "chat/completions",
            Some("gpt-5"),
            r#"{"n":"x","model":"gpt-5"}"#,
        ),
        ("POST /v1/acct/gw/openai/files", "no json", "openai", "files", None, "no json"),
    ] {
        let provider_side = Recorder::start().await;
        let (spy, mut reports) = Spy::passing(1000);
        let layer = layer(&provider_side).settings(settings.clone()).guard(spy);
        let gateway = serve(layer).await;
        let answer = gateway.answer(request(line, &[JSON], body.as_bytes())).await;
        assert_eq!(answer.status(), 200, "{line}: {}", answer.text());
        let seen = reports.only().await;
        assert_eq!((&*seen.provider, seen.text(), seen.is_whole), (provider, body, true), "{line}");
        assert_eq!((&*seen.path, seen.model.as_deref()), (path, model), "{line}");
        assert_eq!((&*seen.method, seen.entry), ("POST", None));
        assert_eq!(seen.subject.as_deref(), Some("tenant"));
        assert_eq!(seen.content_type.as_deref(), Some("application/json"));
        let got = provider_side.only();
        assert_eq!(got.body(), sent.as_bytes(), "{line}");
        assert_eq!(got.head.content_length(), Some(sent.len()), "{line}");
    }
}

#[tokio::test]
async fn a_guard_sees_everything_that_the_provider_gets() {
    let provider = Recorder::start().await;
    let (spy, mut reports) = Spy::passing(1000);
    let azure = Provider::azure_openai("res").base_url(provider.base(""));
    let slug = azure.slug().to_owned();
    let gateway = serve(layer(&provider).provider(azure).guard(spy)).await;
    let twice = [
        "content-encoding: identity",
        "content-encoding: gzip",
        "content-type: multipart/form-data",
        JSON,
    ];
    gateway.answer(request(NATIVE, &twice, b"{}")).await;
    let seen = reports.only().await;
    assert_eq!(seen.content_encoding.as_deref(), Some("identity, gzip"));
    assert_eq!(seen.content_type.as_deref(), Some("multipart/form-data, application/json"));
    // The provider may use either of two models.
    let body = br#"{"model":"cheap","messages":[],"model":"dear"}"#;
    gateway.answer(request(NATIVE, &[JSON], body)).await;
    assert_eq!(reports.only().await.model, None);
    // There the path decides.
    let line = format!("POST /v1/acct/gw/{slug}/res/dear/chat/completions?api-version=2024-10-21");
    let answer = gateway.answer(request(&line, &[JSON], br#"{"model":"cheap"}"#)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(reports.only().await.model.as_deref(), Some("dear"));
}

#[tokio::test]
async fn each_entry_of_a_universal_request_is_shown_separately() {
    let body = r#"[
        {"provider":"grok","endpoint":"v1/chat/completions","query":{"n":1,"model":"a"},
         "headers":{"authorization":"Bearer sk-entry","content-type":"application/json; x=1"}},
        {"provider":"openai","endpoint":"embeddings?key=sk-query","query":{"n":2}},
        {"provider":"compat","endpoint":"messages","query":{"model":"grok/b","n":3}}]"#;
    let provider = Recorder::start().await;
    let (spy, mut reports) = Spy::passing(usize::MAX);
    let gateway = serve(layer(&provider).guard(spy)).await;
    let answer = gateway.answer(request(UNIVERSAL, &[JSON], body.as_bytes())).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let expected = [
        (0, "grok", "chat", Some("a"), r#"{"n":1,"model":"a"}"#),
        (1, "openai", "embeddings", None, r#"{"n":2}"#),
        (2, "grok", "messages", Some("b"), r#"{"model":"b","n":3}"#),
    ];
    for (entry, provider, operation, model, body) in expected {
        let seen = reports.next().await;
        assert_eq!((seen.entry, &*seen.provider), (Some(entry), provider));
        assert_eq!((&*seen.operation, seen.model.as_deref()), (operation, model));
        assert_eq!((seen.text(), seen.is_whole), (body, true));
        assert!(!seen.debug.contains("sk-"), "{}", seen.debug);
        if entry == 0 {
            assert_eq!(seen.content_type.as_deref(), Some("application/json; x=1"));
        }
    }
    assert!(reports.seen.is_empty());

    // If the last entry is refused, nothing is sent.
    let provider = Recorder::start().await;
    let (spy, _reports) = Spy::new(usize::MAX, |seen| match seen.entry {
        Some(2) => Refusal::forbidden("not that").into(),
        _ => Verdict::Pass,
    });
    let gateway = serve(layer(&provider).guard(spy)).await;
    let answer = gateway.answer(request(UNIVERSAL, &[JSON], body.as_bytes())).await;
    answer.gateway_error(403, 2403);
    provider.assert_untouched("an entry is refused");
}

#[tokio::test]
async fn credentials_are_never_shown() {
    let settings = keys().token(GatewayToken::new("sk-token-of-the-gateway")).build().unwrap();
    let provider = Recorder::start().await;
    let (spy, mut reports) = Spy::passing(1000);
    let gateway = serve(layer(&provider).settings(Arc::new(settings)).guard(spy)).await;
    let line = |line: &str| format!("{line}?key=sk-query&x=1");
    let body = br#"{"model":"grok/grok-4"}"#;
    for path in [NATIVE, COMPAT] {
        for headers in [
            &[
                "cf-aig-authorization: Bearer sk-token-of-the-gateway",
                "authorization: Bearer sk-client",
            ][..],
            &[
                "cf-aig-authorization: Bearer sk-token-of-the-gateway",
                "x-api-key: sk-client",
                "cookie: sk-cookie",
            ],
            &["authorization: Bearer sk-token-of-the-gateway"],
        ] {
            let answer = gateway.answer(request(&line(path), headers, body)).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let seen = reports.only().await;
            assert!(!format!("{seen:?}").contains("sk-"), "{seen:?}");
        }
    }
    let sent = provider.requests();
    assert!(sent.iter().any(|sent| sent.head.text().contains("sk-stored")), "keys are attached");
}

#[tokio::test]
async fn a_fallback_does_not_run_guards_again() {
    let provider = Recorder::answering(|message| {
        let body = String::from_utf8_lossy(message.body()).into_owned();
        let status = if body.contains("gpt") { "200 OK" } else { "503 Service Unavailable" };
        response(status, &[], body.as_bytes())
    })
    .await;
    let settings = keys().fallback(FallbackChain::on("*").to("openai", "gpt-5")).build().unwrap();
    let (hook, mut ends) = Ends::by(|end| (end.step, end.attempts));
    let (spy, mut reports) = Spy::passing(1000);
    let layer = layer(&provider).settings(Arc::new(settings)).metrics_hook(hook).guard(spy);
    let gateway = serve(layer).await;
    let body = br#"{"model":"grok-4","n":1}"#;
    let answer = gateway.answer(request(NATIVE, &[JSON], body)).await;
    assert_eq!(answer.body(), br#"{"model":"gpt-5","n":1}"#);
    let (step, attempts) = ends.next().await;
    assert!(step == 1 && attempts >= 2, "{step} {attempts}");
    assert_eq!(reports.only().await.provider, "grok");
}

/// A form is scanned for its model in the part that a guard reads and after it.
#[tokio::test]
async fn a_model_within_the_guarded_part_is_still_checked() {
    let settings = Arc::new(keys().allow_models(["whisper-*"]).build().unwrap());
    let (line, kind) = (
        "POST /v1/acct/gw/openai/v1/audio/transcriptions",
        "content-type: multipart/form-data; boundary=b1",
    );
    let field = |name: &str, value: &str| {
        format!("--b1\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    for limit in [0, 100_000, 250_000, usize::MAX] {
        for (model, status) in [("whisper-1", 200), ("other", 403)] {
            let provider = Recorder::start().await;
            let (spy, _reports) = Spy::passing(limit);
            let (hook, mut ends) = Ends::by(|end| end.request_model.map(str::to_owned));
            let layer = layer(&provider).settings(settings.clone()).guard(spy).metrics_hook(hook);
            let gateway = serve(layer).await;
            let file = field("file", &"x".repeat(200_000));
            let form = format!("{file}{}--b1--\r\n", field("model", model));
            let sent = request(line, &[kind], form.as_bytes());
            let answer = gateway.connect().await.send_and_read(&sent).await;
            assert_eq!(answer.status(), status, "{limit} {model}: {}", answer.text());
            let reported = ends.next().await;
            if status == 200 {
                assert_eq!(reported.as_deref(), Some(model), "{limit}");
                assert_eq!(provider.only().body(), form.as_bytes());
            } else {
                assert!(provider.requests().is_empty(), "the provider gets no whole request");
            }
        }
    }
}

#[tokio::test]
async fn refused_and_locally_answered_requests_are_not_shown() {
    let provider = Recorder::start().await;
    let settings = keys().token(GatewayToken::new("token-of-the-gateway")).allow_models(["grok-4"]);
    let (spy, mut reports) = Spy::passing(1000);
    let settings = Arc::new(settings.build().unwrap());
    let gateway = serve(layer(&provider).settings(settings).guard(spy)).await;
    let token = "cf-aig-authorization: Bearer token-of-the-gateway";
    for (line, headers, body, status) in [
        (NATIVE, &[JSON][..], r#"{"model":"grok-4"}"#, 401),
        (NATIVE, &[JSON, token], r#"{"model":"other"}"#, 403),
        (COMPAT, &[JSON, token], r#"{"model":"grok/other"}"#, 403),
        // The second model comes after the part that was read for routing.
        (COMPAT, &[JSON, token], r#"{"model":"grok/grok-4","model":"grok/other"}"#, 400),
        ("GET /v1/acct/gw/compat/models", &[token], "", 200),
    ] {
        let answer = gateway.answer(request(line, headers, body.as_bytes())).await;
        assert_eq!(answer.status(), status, "{line} {body}: {}", answer.text());
        assert!(reports.seen.try_recv().is_err(), "{line} {body}");
    }
    provider.assert_untouched("nothing may be sent");
    for (line, model) in [(NATIVE, "grok-4"), (COMPAT, "grok/grok-4")] {
        let body = format!(r#"{{"model":"{model}"}}"#);
        let answer = gateway.answer(request(line, &[JSON, token], body.as_bytes())).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = reports.only().await;
        assert_eq!((seen.text(), seen.model.as_deref()), (&*body, Some("grok-4")));
    }
}
