//! A pair of requests for each part of the key.

use http::Method;

use super::*;
use crate::control::cache::scopes;
use crate::settings::GatewayToken;
use crate::settings::cache::CacheSettings;

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

pub(super) fn cached(builder: GatewaySettingsBuilder) -> GatewaySettingsBuilder {
    builder.cache(CacheSettings::new(HOUR))
}

fn shared(builder: GatewaySettingsBuilder) -> GatewaySettingsBuilder {
    builder.cache(CacheSettings::new(HOUR).shared())
}

fn scene() -> Scene {
    Scene::new().settings(cached)
}

#[track_caller]
pub(super) fn apart(one: &Scene, other: &Scene) {
    assert_eq!(one.place().key, one.place().key);
    assert_ne!(one.place().key, other.place().key, "{one:?} and {other:?} share");
}

#[track_caller]
pub(super) fn together(one: &Scene, other: &Scene) {
    assert_eq!(one.place().key, other.place().key, "{one:?} and {other:?} do not share");
}

#[test]
fn where_a_request_goes_separates() {
    for uri in [
        "/v1/acct/other/grok/v1/chat/completions",
        "/v1/other/gw/grok/v1/chat/completions",
        "/v1/acct/gw/openai/v1/chat/completions",
        "/v1/acct/gw/grok/chat/completions",
        "/v1/acct/gw/grok/v1/completions",
        "/v1/acct/gw/grok/v1/chat/completions?a",
        "/v1/acct/gw/grok/v1/chat/completions?",
        "/v1/acctg/w/grok/v1/chat/completions",
    ] {
        let other = scene().uri(uri);
        // An empty query is none upstream.
        if uri.ends_with('?') || !uri.contains("v1/chat") && uri.contains("grok/chat") {
            let (one, other) = (scene().sent(upstream_uri), other.sent(upstream_uri));
            if one == other {
                continue;
            }
        }
        apart(&scene(), &other);
    }
    let query = |query: &str| scene().uri(format!("{CHAT}?{query}"));
    apart(&query("a=b"), &query("a=c"));
    apart(&query("a=b&c"), &query("c&a=b"));
    apart(&query("key=k1"), &query("key=k2"));
    let mut moved = scene();
    moved.base_url = "https://two.test/v1";
    apart(&scene(), &moved);
    moved.base_url = "http://one.test/v1";
    apart(&scene(), &moved);
    moved.base_url = "https://one.test:444/v1";
    apart(&scene(), &moved);
    moved.base_url = "https://one.test/v2";
    apart(&scene(), &moved);
}

fn upstream_uri(head: &Request<()>, _: &GatewayContext, _: &[u8]) -> String {
    head.uri().to_string()
}

#[test]
fn the_method_separates() {
    let policy = scene().kept().1;
    let by = |method: Method| {
        let policy = policy.clone();
        let mut scene = scene();
        scene.method = method;
        scene.sent(move |head, context, body| place(head, context, &policy, body).key)
    };
    assert_eq!(by(Method::POST), by(Method::POST));
    assert_ne!(by(Method::POST), by(Method::PUT));
}

#[test]
fn every_byte_of_the_body_separates() {
    let body = |body: &str| scene().body(body.as_bytes());
    let base = body(r#"{"model":"a","n":1}"#);
    for other in [
        r#"{"model":"b","n":1}"#,
        r#"{"model":"a","n":2}"#,
        r#"{"model":"a", "n":1}"#,
        r#"{"n":1,"model":"a"}"#,
        r#"{"model":"a","n":1} "#,
        r#"{"model":"a","n":1"#,
        "",
    ] {
        apart(&base, &body(other));
    }
}

#[test]
fn every_header_that_can_change_an_answer_separates() {
    for (name, one, other) in [
        ("accept", "application/json", "text/event-stream"),
        ("accept-encoding", "gzip", "br"),
        ("accept-encoding", "gzip", "gzip, identity;q=0"),
        ("accept-language", "en", "de"),
        ("anthropic-version", "2023-06-01", "2024-01-01"),
        ("anthropic-beta", "a", "b"),
        ("openai-beta", "assistants=v1", "assistants=v2"),
        ("openai-organization", "org-a", "org-b"),
        ("openai-project", "p-a", "p-b"),
        ("x-goog-user-project", "a", "b"),
        ("x-goog-api-client", "a", "b"),
        ("content-type", "application/json", "multipart/form-data; boundary=b"),
        ("content-encoding", "gzip", "br"),
        ("content-language", "en", "de"),
        ("prefer", "wait", "respond-async"),
        ("origin", "https://a.test", "https://b.test"),
        ("http-referer", "https://a.test", "https://b.test"),
        ("x-title", "a", "b"),
        ("x-nobody-knows-it", "a", "b"),
        ("x-stainless-nobody-knows-it", "a", "b"),
        ("range", "bytes=0-1", "bytes=0-2"),
        ("cache-control", "no-cache", "no-store"),
    ] {
        let with = |value: &str| scene().without(name).with(name, value);
        apart(&with(one), &with(other));
        apart(&scene().without(name), &with(one));
        apart(&with(one), &with(one).with(name, other));
        // Of codings, it is the set that counts.
        if name != "accept-encoding" {
            apart(&with(one).with(name, other), &with(other).with(name, one));
        }
    }
}

#[test]
fn keys_for_the_provider_separate_whoever_shares() {
    for cache in [cached, shared] {
        let scene = || Scene::new().settings(cache);
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
            let with = |key: &str| scene().without("authorization").with(name, key);
            apart(&with("Bearer k1"), &with("Bearer k2"));
            apart(&with("k1"), &with("K1"));
            let none = scene().without("authorization").identity("ann");
            apart(&with("k1").identity("ann"), &none);
        }
        let acme = |key: &str| {
            let scene = scene().without("authorization").with("x-acme-key", key);
            scene.uri("/v1/acct/gw/custom-acme/v1/chat/completions")
        };
        apart(&acme("k1"), &acme("k2"));
        let query = |key: &str| scene().without("authorization").uri(format!("{CHAT}?key={key}"));
        apart(&query("k1"), &query("k2"));
        // A custom key stands for the query, but not for the key in it.
        apart(
            &query("k1").with("cf-aig-cache-key", "c"),
            &query("k2").with("cf-aig-cache-key", "c"),
        );
    }
}

/// With stored keys and two tokens.
fn of_tokens(cache: fn(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    let key = crate::credentials::secret::Secret::new("sk-stored").unwrap();
    Scene::new().without("authorization").settings(|builder| {
        let builder = builder.token(GatewayToken::new("token-one"));
        cache(builder.token(GatewayToken::new("token-two")).key("grok", key))
    })
}

#[test]
fn callers_are_apart_unless_they_share() {
    let shown = |cache, name, token: &str| of_tokens(cache).with(name, token);
    for name in ["cf-aig-authorization", "authorization", "x-api-key"] {
        let by = |cache, token| shown(cache, name, token);
        apart(&by(cached, "Bearer token-one"), &by(cached, "Bearer token-two"));
        together(&by(shared, "Bearer token-one"), &by(shared, "Bearer token-two"));
        // It is the same caller, however it is written.
        together(
            &by(cached, "token-one"),
            &shown(cached, "cf-aig-authorization", "Bearer token-one"),
        );
    }
    let named =
        |cache, subject| of_tokens(cache).with("authorization", "token-one").identity(subject);
    apart(&named(cached, "ann"), &named(cached, "bob"));
    apart(&named(cached, "ann"), &shown(cached, "authorization", "token-one"));
    together(&named(shared, "ann"), &named(shared, "bob"));
    // Those who ask by themselves, too.
    let asks = |token: &str| {
        of_tokens(|builder| builder)
            .with("cf-aig-authorization", token)
            .with("cf-aig-cache-key", "c")
    };
    apart(&asks("token-one"), &asks("token-two"));
}

/// The layer may have a key for each caller.
#[test]
fn callers_whose_keys_come_from_a_layer_do_not_share() {
    let by = |token: &str| {
        let scene = Scene::new().without("authorization").settings(|builder| {
            let builder = builder.token(GatewayToken::new("token-one"));
            shared(builder.token(GatewayToken::new("token-two")).keys_from_layer())
        });
        scene.with("cf-aig-authorization", token)
    };
    apart(&by("token-one"), &by("token-two"));
    let own = |token| by(token).with("authorization", "Bearer sk-own");
    together(&own("token-one"), &own("token-two"));
    let alias = |alias| by("token-one").with("cf-aig-byok-alias", alias);
    apart(&alias("a"), &alias("b"));
}

/// A host may resolve them by its tenants, whatever ids their paths have.
#[test]
fn settings_of_another_place_are_another_gateway() {
    let scoped = |name| Scene::new().settings(|builder| shared(builder).scope(name));
    apart(&scoped("red"), &scoped("blue"));
    together(&scoped("red"), &scoped("red"));
    let unnamed = || {
        let mut scene = Scene::new();
        let settings = shared(GatewaySettings::builder()).build().unwrap();
        scene.settings = Some(Arc::new(settings));
        scene
    };
    let one = unnamed();
    together(&one, &one.clone());
    apart(&one, &unnamed());
}

#[test]
fn entries_of_a_universal_request_are_apart_by_caller_too() {
    let entries = r#"[{"provider":"grok","endpoint":"v1/chat/completions",
        "headers":{"cf-aig-cache-key":"c","content-type":"application/json"},
        "query":{"model":"grok-4","messages":[]}}]"#;
    let by = |token: &str| {
        let scene = of_tokens(|builder| builder).uri("/v1/acct/gw").body(entries);
        scene.with("cf-aig-authorization", token)
    };
    apart(&by("token-one"), &by("token-two"));
}

#[test]
fn what_tells_of_the_program_or_the_sending_does_not_separate() {
    for (name, value) in [
        ("user-agent", "OpenAI/Python 2"),
        ("host", "gateway.test"),
        ("content-length", "32"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=1"),
        ("baggage", "a=1"),
        ("x-request-id", "r1"),
        ("idempotency-key", "stainless-node-retry-1"),
        ("x-stainless-lang", "js"),
        ("x-stainless-retry-count", "1"),
        ("x-stainless-timeout", "60"),
        ("x-session-id", "s1"),
        ("session_id", "s1"),
        ("x-claude-code-session-id", "s1"),
        ("via", "1.1 edge"),
        ("cookie", "a=1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("cf-connecting-ip", "192.0.2.1"),
        ("cf-aig-metadata", r#"{"a":1}"#),
        ("cf-aig-event-id", "e1"),
        ("cf-aig-session-id", "s1"),
        ("cf-aig-request-timeout", "1000"),
        ("cf-aig-max-attempts", "2"),
        ("cf-aig-cache-ttl", "60"),
    ] {
        together(&scene(), &scene().with(name, value));
    }
    let with = |codings| scene().with("accept-encoding", codings);
    together(&with("gzip, deflate, br"), &with("br;q=0.9, GZIP, deflate"));
    let one = scene().with("x-a", "1").with("x-b", "2").with("x-a", "3");
    together(&one, &scene().with("x-a", "1").with("x-a", "3").with("x-b", "2"));
    together(&one, &scene().with("x-b", "2").with("x-a", "1").with("x-a", "3"));
}

#[test]
fn a_byte_in_another_field_is_another_request() {
    for (one, other) in [
        (scene().with("x-a", "bc"), scene().with("x-ab", "c")),
        (scene().with("x-a", "bc"), scene().with("x-a", "b").with("x-a", "c")),
        (scene().with("x-a", "b, c"), scene().with("x-a", "b").with("x-a", "c")),
        (scene().with("x-a", "").with("x-a", ""), scene().with("x-a", "")),
        (scene().with("x-a", "1").with("x-b", ""), scene().with("x-a", "").with("x-b", "1")),
        (scene().uri(format!("{CHAT}?ab")).body("c"), scene().uri(format!("{CHAT}?a")).body("bc")),
        (
            scene().uri("/v1/ab/c/grok/v1/chat/completions"),
            scene().uri("/v1/a/bc/grok/v1/chat/completions"),
        ),
        (scene().identity("ab"), scene().identity("a")),
    ] {
        apart(&one, &other);
    }
}

#[test]
fn all_of_an_identity_separates() {
    let by = |identity: Identity| {
        let scene = scene();
        let policy = scene.kept().1;
        let mut request = scene.clone();
        request.caller = Some(identity);
        request.sent(move |head, context, body| place(head, context, &policy, body).key)
    };
    let ann = || Identity::builder("ann");
    let all = [
        by(ann().build().unwrap()),
        by(ann().group("a").build().unwrap()),
        by(ann().group("b").build().unwrap()),
        by(ann().group("a").group("b").build().unwrap()),
        by(ann().label("a", "b").build().unwrap()),
        by(ann().label("a", "c").build().unwrap()),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| other != one), "{at}");
    }
    assert_eq!(all[5], by(ann().label("a", "c").build().unwrap()));
}

#[test]
fn sessions_separate_at_custom_providers_alone() {
    for name in ["x-session-id", "session-id", "session_id", "x-session-affinity"] {
        let acme = || scene().uri("/v1/acct/gw/custom-acme/v1/chat/completions");
        apart(&acme().with(name, "a"), &acme().with(name, "b"));
        together(&scene().with(name, "a"), &scene().with(name, "b"));
    }
}

/// With a custom key, for a gateway that has a cache only for that.
pub(super) fn custom(key: &str) -> Scene {
    Scene::new().with("cf-aig-cache-key", key)
}

#[test]
fn a_custom_key_stands_for_path_query_and_body() {
    let one = custom("c");
    together(&one, &custom("c").uri(format!("{CHAT}?a=b")));
    apart(&one, &custom("c").uri("/v1/acct/gw/grok/v1/responses"));
    apart(&one, &custom("c").body(r#"{"model":"grok-4","stream":true}"#));
    together(&one, &custom("c").body(r#"{"input":"other","model":"grok-4"}"#));
    together(&one, &custom("c").without("content-type").with("content-type", "application/x"));
    apart(&one, &custom("d"));
    apart(&one, &custom("C"));
    apart(&one, &scene());
}

#[test]
fn a_custom_key_crosses_neither_gateway_nor_provider_nor_caller_nor_model() {
    let one = custom("c");
    for uri in [
        "/v1/acct/other/grok/v1/chat/completions",
        "/v1/other/gw/grok/v1/chat/completions",
        "/v1/acct/gw/openai/v1/chat/completions",
    ] {
        apart(&one, &custom("c").uri(uri));
    }
    for base_url in ["https://two.test/v1", "https://one.test/v2"] {
        apart(&one, &Scene { base_url, ..custom("c") });
    }
    apart(&one, &custom("c").without("authorization").with("authorization", "Bearer sk-two"));
    apart(&one, &custom("c").identity("ann"));
    apart(&custom("c").identity("bob"), &custom("c").identity("ann"));
    apart(&one, &custom("c").with("accept", "text/event-stream"));
    apart(&one, &custom("c").with("anthropic-beta", "a"));
    apart(&one, &custom("c").body(r#"{"model":"grok-3","messages":[]}"#));
    let google = |model: &str| {
        let path = format!("/v1/acct/gw/google-ai-studio/v1beta/models/{model}:generateContent");
        custom("c").uri(path).body("{}")
    };
    apart(&google("gemini-a"), &google("gemini-b"));
    together(&google("gemini-a"), &google("gemini-a").body(r#"{"contents":[]}"#));
    // Only the path says whether the answer is a stream, and of which kind.
    for (one, other) in [
        (
            "google-ai-studio/v1beta/models/gemini-a:generateContent",
            "google-ai-studio/v1beta/models/gemini-a:streamGenerateContent",
        ),
        (
            "google-ai-studio/v1beta/models/gemini-a:streamGenerateContent",
            "google-ai-studio/v1beta/models/gemini-a:streamGenerateContent?alt=sse",
        ),
        (
            "google-ai-studio/v1beta/models/gemini-a:embedContent",
            "google-ai-studio/v1beta/models/gemini-a:batchEmbedContents",
        ),
        (
            "aws-bedrock/bedrock-runtime/us-east-1/model/a.b-v1/converse",
            "aws-bedrock/bedrock-runtime/us-east-1/model/a.b-v1/converse-stream",
        ),
        (
            "aws-bedrock/bedrock-runtime/us-east-1/model/a.b-v1/invoke",
            "aws-bedrock/bedrock-runtime/us-east-1/model/a.b-v1/invoke-with-response-stream",
        ),
    ] {
        let at = |path| custom("c").uri(format!("/v1/acct/gw/{path}")).body("{}");
        apart(&at(one), &at(other));
    }
    let policy = one.kept().1;
    let by = |method: Method| {
        let (policy, mut scene) = (policy.clone(), custom("c"));
        scene.method = method;
        scene.sent(move |head, context, body| place(head, context, &policy, body).key)
    };
    assert_ne!(by(Method::POST), by(Method::PUT));
}

/// Otherwise the answer of one model could be had for another, in spite of a rule for that.
#[test]
fn a_custom_key_does_not_stand_for_a_body_whose_model_cannot_be_told() {
    for (one, other) in [
        (r#"{"model":"a","model":"b"}"#, r#"{"model":"a","model":"c"}"#),
        (r#"{"model":"a","Model":"b"}"#, r#"{"model":"a","Model":"c"}"#),
        (r#"{"model":"a","x":1"#, r#"{"model":"a","x":2"#),
        (r#"{"model":"a"} b"#, r#"{"model":"a"} c"#),
        ("--b\r\nmodel=1", "--b\r\nmodel=2"),
        ("[1]", "[2]"),
    ] {
        apart(&custom("c").body(one), &custom("c").body(other));
    }
    // No model at all: the path may name one.
    let none =
        |path: &str, body: &str| custom("c").uri(format!("/v1/acct/gw/grok/v1/{path}")).body(body);
    together(&none("search", r#"{"query":"a"}"#), &none("search", r#"{"query":"b"}"#));
    apart(&none("search", r#"{"query":"a"}"#), &none("rerank", r#"{"query":"a"}"#));
}

#[test]
fn places_tell_what_they_can_be_purged_by() {
    let place = custom("c").place();
    let gateway = scopes::of_gateway(Some("acct"), "gw");
    assert_eq!(place.gateway, gateway);
    assert_eq!(place.provider, scopes::of_provider(gateway, "grok"));
    for model in ["grok-4", "Grok-4", " models/grok-4"] {
        assert_eq!(place.model, scopes::of_model(gateway, model), "{model}");
    }
    assert_eq!(place.custom, Some(scopes::of_custom(gateway, "c")));
    assert_eq!(scene().place().custom, None);
    let google = scene()
        .uri("/v1/acct/gw/google-ai-studio/v1beta/models/gemini-a:generateContent")
        .body("{}")
        .place();
    assert_eq!(google.model, scopes::of_model(gateway, "gemini-a"));
    let unified = scene().uri("/v1/acct/gw/compat/chat/completions");
    let unified = unified.body(r#"{"model":"grok/grok-4","messages":[]}"#).place();
    assert_eq!((unified.model, unified.provider), (place.model, place.provider));
}
