//! Fallback chains of a gateway's settings.

use tower_ai_gateway::Outcome;
use tower_ai_gateway::settings::FallbackChain;

use crate::fallbacks::scene::*;
use crate::support::scripted::json;

const BODY: &str = r#"{"model":"grok-4","n":1}"#;

/// All headers of a client: those for any provider, and those for this one only.
const HEADERS: &[(&str, &str)] = &[
    ("authorization", "Bearer sk-for-grok"),
    ("user-agent", "test/1.0"),
    ("accept", "*/*"),
    ("idempotency-key", "i"),
    ("anthropic-version", "2023-06-01"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("x-stainless-lang", "js"),
    ("x-grok-conv-id", "c"),
    ("x-team-token", "t"),
    ("openai-organization", "o"),
    ("x-acme-key", "k"),
    ("cookie", "c=1"),
];

#[tokio::test]
async fn another_model_of_the_same_provider_gets_the_same_request() {
    let chain = FallbackChain::on("grok-*").to_model("grok-3-mini").to_model("grok-3");
    let scene = Scene::new(keys().fallback(chain), |call, before| {
        json(if before < 2 { 503 } else { 200 }, call.text())
    });
    let got = scene.send(&format!("{CHAT}?key=sk-for-grok&a=b"), HEADERS, BODY).await;
    assert_eq!((got.status, got.text()), (200, r#"{"model":"grok-3","n":1}"#));
    assert_eq!(got.answered_by(), ("2", Some("grok"), Some("grok-3")));
    let calls = scene.upstream.calls();
    let bodies = [BODY, r#"{"model":"grok-3-mini","n":1}"#, r#"{"model":"grok-3","n":1}"#];
    assert_eq!(calls.iter().map(|call| call.text()).collect::<Vec<_>>(), bodies);
    for call in &calls {
        assert_eq!(call.uri, "https://api.x.ai/v1/chat/completions?key=sk-for-grok&a=b");
        assert_eq!(call.header("content-length"), Some(&*call.body.len().to_string()));
        let mut headers = call.headers.clone();
        headers.remove("content-length");
        let mut first = calls[0].headers.clone();
        first.remove("content-length");
        assert_eq!(headers, first);
    }
    assert_eq!(calls[0].header("authorization"), Some("Bearer sk-for-grok"));
}

#[tokio::test]
async fn another_provider_gets_its_own_key_and_only_safe_headers() {
    for (slug, authority, path, key) in [
        ("openai", OPENAI, "/v1/chat/completions", ("authorization", "Bearer sk-for-openai")),
        (
            "anthropic",
            ANTHROPIC,
            "/v1/chat/completions",
            ("authorization", "Bearer sk-for-anthropic"),
        ),
        (
            "google-ai-studio",
            GOOGLE,
            "/v1beta/openai/chat/completions",
            ("authorization", "Bearer sk-for-google"),
        ),
        ("acme", ACME, "/v1/chat/completions", ("x-acme-key", "sk-for-acme")),
    ] {
        for (from, model) in [(CHAT, "grok-4"), (COMPAT, "grok/grok-4")] {
            let chain = FallbackChain::on("grok-4").to(slug, "other");
            let scene = Scene::new(keys().fallback(chain), busy(&[GROK]));
            let body = BODY.replace("grok-4", model);
            let got = scene.send(&format!("{from}?key=sk-for-grok"), HEADERS, &body).await;
            assert_eq!((got.status, got.text()), (200, &*format!(r#"{{"from":"{authority}"}}"#)));
            let calls = scene.upstream.calls();
            let [first, then] = &calls[..] else { panic!("{calls:?}") };
            assert_eq!((first.authority(), first.text()), (GROK, BODY));
            assert_eq!(then.uri, *format!("https://{authority}{path}"));
            assert_eq!(then.text(), BODY.replace("grok-4", "other"));
            let expected = [
                ("accept", "*/*"),
                ("anthropic-version", "2023-06-01"),
                ("content-length", "23"),
                ("content-type", "application/json"),
                ("host", authority),
                ("idempotency-key", "i"),
                ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ("user-agent", "test/1.0"),
                ("x-stainless-lang", "js"),
                key,
            ];
            let got: http::HeaderMap = expected
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
                .into_iter()
                .collect();
            assert_eq!(then.headers, got, "{slug}");
        }
    }
}

#[tokio::test]
async fn the_key_header_depends_on_the_endpoint() {
    let chain = FallbackChain::on("*").to("anthropic", "claude");
    let scene = Scene::new(keys().fallback(chain), busy(&[GROK]));
    scene.send("/v1/acct/gw/grok/v1/messages", HEADERS, BODY).await;
    let calls = scene.upstream.calls();
    assert_eq!(calls[1].uri, "https://api.anthropic.com/v1/messages");
    assert_eq!(calls[1].header("x-api-key"), Some("sk-for-anthropic"));
    assert_eq!(calls[1].header("authorization"), None);
    // With the gateway's own key, there is never more than one.
    let chain = FallbackChain::on("*").to_model("claude");
    let scene = Scene::new(keys().fallback(chain), busy(&[ANTHROPIC]));
    scene.send("/v1/acct/gw/anthropic/v1/chat/completions", &[], BODY).await;
    let calls = scene.upstream.calls();
    for call in calls {
        assert_eq!(call.keys(), [("authorization", "Bearer sk-for-anthropic")]);
    }
}

#[tokio::test]
async fn a_step_without_a_key_is_skipped() {
    let chain = FallbackChain::on("*").to("openai", "a").with_key("eu").to("acme", "b");
    let scene = Scene::new(keys().fallback(chain), busy(&[GROK]));
    let got = scene.send(CHAT, HEADERS, BODY).await;
    assert_eq!(got.answered_by(), ("2", Some("custom-acme"), Some("b")));
    assert_eq!(scene.upstream.authorities(), [GROK, ACME]);
    // The same for a provider of which the gateway has no key at all.
    let chain = FallbackChain::on("*").to("grok", "a").to("acme", "b");
    let scene = Scene::new(keys().fallback(chain), busy(&[OPENAI]));
    let got = scene.send("/v1/acct/gw/openai/v1/chat/completions", HEADERS, BODY).await;
    assert_eq!(got.answered_by(), ("2", Some("custom-acme"), Some("b")));
    assert_eq!(scene.upstream.authorities(), [OPENAI, ACME]);
    // Without a chain, the first response is returned.
    let chain = FallbackChain::on("*").to("openai", "a").with_key("eu");
    let scene = Scene::new(keys().fallback(chain), busy(&[GROK]));
    let got = scene.send(CHAT, HEADERS, BODY).await;
    assert_eq!((got.status, got.text()), (503, r#"{"from":"api.x.ai"}"#));
    assert_eq!(got.header("cf-aig-step"), Some("0"));
    assert_eq!(scene.events.end().step, 0);
}

#[tokio::test]
async fn stored_keys_are_chosen_by_alias() {
    let settings = || {
        keys()
            .key("grok", secret("sk-for-grok-default"))
            .key_as("grok", "eu", secret("sk-for-grok-eu"))
            .key_as("openai", "eu", secret("sk-for-openai-eu"))
            .fallback(
                FallbackChain::on("*")
                    .to_model("m")
                    .to("grok", "n")
                    .with_key("eu")
                    .to("openai", "o"),
            )
    };
    for (alias, expected) in [
        (
            &[][..],
            ["sk-for-grok-default", "sk-for-grok-default", "sk-for-grok-eu", "sk-for-openai"],
        ),
        (
            &[("cf-aig-byok-alias", "eu")],
            ["sk-for-grok-eu", "sk-for-grok-eu", "sk-for-grok-eu", "sk-for-openai-eu"],
        ),
        (&[("authorization", "Bearer mine")], ["mine", "mine", "mine", "sk-for-openai"]),
    ] {
        let scene = Scene::new(settings(), busy(&[GROK]));
        assert_eq!(scene.send(CHAT, alias, BODY).await.status, 200);
        let calls = scene.upstream.calls();
        let keys: Vec<_> = calls
            .iter()
            .map(|call| call.header("authorization").unwrap().strip_prefix("Bearer ").unwrap())
            .collect();
        assert_eq!(keys, expected);
    }
}

#[tokio::test]
async fn a_key_in_a_header_of_its_own_stays_with_its_provider() {
    let chain = FallbackChain::on("*").to_model("m").to("openai", "o");
    let scene = Scene::new(keys().fallback(chain), busy(&[ACME]));
    let path = "/v1/acct/gw/acme/chat/completions";
    scene.send(path, &[("x-acme-key", "mine")], BODY).await;
    let calls = scene.upstream.calls();
    let keys: Vec<_> = calls.iter().map(|call| call.header("x-acme-key")).collect();
    assert_eq!(keys, [Some("mine"), Some("mine"), None]);
    assert_eq!(calls[2].header("authorization"), Some("Bearer sk-for-openai"));
}

#[tokio::test]
async fn the_first_matching_chain_applies() {
    let settings = || {
        keys()
            .fallback(FallbackChain::on("grok-3*").from_provider("openai").to("acme", "a"))
            .fallback(FallbackChain::on("grok-3*").from_provider("xai").to("acme", "b"))
            .fallback(FallbackChain::on("grok-*").to("acme", "c"))
    };
    for (model, expected) in [("grok-3", Some("b")), ("grok-4", Some("c")), ("gpt", None)] {
        let scene = Scene::new(settings(), busy(&[GROK]));
        let got = scene.send(CHAT, &[], &BODY.replace("grok-4", model)).await;
        assert_eq!(got.header("cf-aig-model"), expected);
        assert_eq!(scene.upstream.count(), 1 + usize::from(expected.is_some()));
    }
}

#[tokio::test]
async fn on_other_endpoints_only_the_model_changes() {
    let chain = FallbackChain::on("*").to("openai", "a").to_model("b");
    let scene = Scene::new(keys().fallback(chain), |_, before| {
        json(if before == 0 { 503 } else { 200 }, "{}")
    });
    let got = scene.send("/v1/acct/gw/grok/v1/images/generations?q", &[], BODY).await;
    assert_eq!(got.answered_by(), ("1", Some("grok"), Some("b")));
    let calls = scene.upstream.calls();
    assert_eq!(calls[1].uri, "https://api.x.ai/v1/images/generations?q");
    assert_eq!(calls[1].text(), r#"{"model":"b","n":1}"#);
}

#[tokio::test(start_paused = true)]
async fn each_step_has_its_attempts_and_events_distinguish_them() {
    let chain = FallbackChain::on("*").to("openai", "gpt").to("acme", "a");
    let scene = Scene::new(keys().fallback(chain), busy(&[GROK, OPENAI]));
    let headers = [("cf-aig-max-attempts", "2")];
    let got = scene.send(CHAT, &headers, BODY).await;
    assert_eq!(got.answered_by(), ("2", Some("custom-acme"), Some("a")));
    let expected = [(1, 0, "503"), (2, 0, "503"), (3, 1, "503"), (4, 1, "503"), (5, 2, "200")];
    assert_eq!(
        scene.events.reported(),
        expected.map(|(n, step, reported)| (n, step, reported.to_owned()))
    );
    let end = scene.events.end();
    assert_eq!((end.attempts, end.step, end.outcome), (5, 2, Outcome::Complete));
    assert_eq!(
        (end.provider.as_deref(), end.request_model.as_deref()),
        (Some("custom-acme"), Some("a"))
    );
    // Without a retry layer, or with one attempt only.
    let scene = Scene::new(
        keys().fallback(FallbackChain::on("*").to("openai", "gpt").to("acme", "a")),
        busy(&[GROK, OPENAI]),
    );
    scene.send(CHAT, &[], BODY).await;
    let expected = [(1, 0, "503"), (2, 1, "503"), (3, 2, "200")];
    assert_eq!(
        scene.events.reported(),
        expected.map(|(n, step, reported)| (n, step, reported.to_owned()))
    );
    assert_eq!(scene.events.end().attempts, 3);
}
