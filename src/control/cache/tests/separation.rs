//! A pair of requests for each part of the key.

mod callers;
pub(super) mod custom_key;

use http::Method;

use super::*;
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
fn the_destination_separates() {
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
        // Upstream, an empty query is no query.
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
fn every_header_that_can_change_a_response_separates() {
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
        ("idempotency-key", "a", "b"),
        ("x-idempotency-key", "a", "b"),
    ] {
        let with = |value: &str| scene().without(name).with(name, value);
        apart(&with(one), &with(other));
        apart(&scene().without(name), &with(one));
        apart(&with(one), &with(one).with(name, other));
        // Only the set of codings counts.
        if name != "accept-encoding" {
            apart(&with(one).with(name, other), &with(other).with(name, one));
        }
    }
}

#[test]
fn headers_of_the_program_or_the_transmission_do_not_separate() {
    for (name, value) in [
        ("user-agent", "OpenAI/Python 2"),
        ("host", "gateway.test"),
        ("content-length", "32"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=1"),
        ("baggage", "a=1"),
        ("x-request-id", "r1"),
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
fn sessions_separate_only_at_custom_providers() {
    for name in ["x-session-id", "session-id", "session_id", "x-session-affinity"] {
        let acme = || scene().uri("/v1/acct/gw/custom-acme/v1/chat/completions");
        apart(&acme().with(name, "a"), &acme().with(name, "b"));
        together(&scene().with(name, "a"), &scene().with(name, "b"));
    }
}
