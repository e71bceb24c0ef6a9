//! Separation of callers in the cache, over sockets. The provider answers each call with its
//! number, so a repeated answer came from the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use http::Response;
use http_body_util::BodyExt;
use tower::Layer;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::{CacheRule, CacheSettings};
use tower_ai_gateway::settings::{ClientControl, GatewaySettings, GatewayToken};
use tower_ai_gateway::{GatewayLayer, HttpClient, Mount, Provider};

use crate::support::gateway::Gateway;
use crate::support::hyper_upstream::{HyperUpstream, body};
use crate::support::message::{Message, request};

const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";
const KEY: &str = "authorization: Bearer sk-one";
const JSON: &str = "content-type: application/json";
const BODY: &[u8] = br#"{"model":"grok-4","messages":[]}"#;

/// A gateway with this cache, whose clients have their own tokens and keys.
async fn start(cache: CacheSettings) -> Gateway {
    let calls = Arc::<AtomicUsize>::default();
    let upstream = HyperUpstream::start(move |request| {
        let number = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = request.into_body().collect().await;
            let answer = Response::builder().header("content-type", "application/json");
            answer
                .header("set-cookie", "a=1")
                .header("x-ratelimit-remaining-requests", "7")
                .header("x-request-id", format!("req_{number}"))
                .body(body(format!("{{\"n\":{number}}}")))
                .unwrap()
        }
    })
    .await;
    let settings = GatewaySettings::builder()
        .token(GatewayToken::new("token-one"))
        .token(GatewayToken::new("token-two"))
        .client_controls(ClientControl::ALL)
        .cache(cache)
        .build()
        .unwrap();
    let layer = GatewayLayer::builder()
        .mount(Mount::hosted())
        .provider(Provider::xai().base_url(upstream.base("/v1")))
        .provider(Provider::openai().base_url(upstream.base("/v1")))
        .settings(Arc::new(settings))
        .build()
        .unwrap();
    let client = ControlLayer::new().layer(HttpClient::new().unwrap());
    Gateway::serve(layer.upstream(client).layer(Router::new())).await
}

async fn ask(gateway: &Gateway, path: &str, headers: &[&str], body: &[u8]) -> (String, Message) {
    let mut all = vec!["connection: close", JSON];
    all.extend(headers);
    let answer = gateway.answer(request(&format!("POST {path}"), &all, body)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let status = answer.head.get("cf-aig-cache-status").unwrap_or("none").to_owned();
    (status, answer)
}

#[tokio::test]
async fn no_request_gets_the_response_to_another() {
    let gateway = start(CacheSettings::new(Duration::from_secs(60))).await;
    let token = "cf-aig-authorization: token-one";
    let mut numbers = Vec::new();
    let cases: [(&str, &[&str], &[u8]); 20] = [
        (CHAT, &[token, KEY], BODY),
        ("/v1/acct/other/grok/v1/chat/completions", &[token, KEY], BODY),
        ("/v1/other/gw/grok/v1/chat/completions", &[token, KEY], BODY),
        ("/v1/acct/gw/openai/v1/chat/completions", &[token, KEY], BODY),
        ("/v1/acct/gw/grok/v1/embeddings", &[token, KEY], BODY),
        ("/v1/acct/gw/grok/v1/chat/completions?a=b", &[token, KEY], BODY),
        (CHAT, &["cf-aig-authorization: token-two", KEY], BODY),
        (CHAT, &[token, "authorization: Bearer sk-two"], BODY),
        (CHAT, &[token, "x-api-key: sk-one"], BODY),
        (CHAT, &[token, KEY, "anthropic-beta: a"], BODY),
        (CHAT, &[token, KEY, "accept: text/event-stream"], BODY),
        (CHAT, &[token, KEY, "accept-encoding: gzip"], BODY),
        (CHAT, &[token, KEY, "x-nobody-knows-it: a"], BODY),
        (CHAT, &[token, KEY], br#"{"model":"grok-3","messages":[]}"#),
        (CHAT, &[token, KEY], br#"{"model":"grok-4","messages":[ ]}"#),
        (CHAT, &[token, KEY, "cf-aig-cache-key: c"], BODY),
        (CHAT, &[token, KEY, "cf-aig-cache-key: d"], BODY),
        (CHAT, &["cf-aig-authorization: token-two", KEY, "cf-aig-cache-key: c"], BODY),
        (CHAT, &[token, "authorization: Bearer sk-two", "cf-aig-cache-key: c"], BODY),
        ("/v1/acct/gw/openai/v1/chat/completions", &[token, KEY, "cf-aig-cache-key: c"], BODY),
    ];
    for (path, headers, body) in cases {
        let (status, miss) = ask(&gateway, path, headers, body).await;
        assert_eq!(status, "MISS", "{path} {headers:?}");
        let (status, hit) = ask(&gateway, path, headers, body).await;
        assert_eq!(status, "HIT", "{path} {headers:?}");
        assert_eq!(hit.body(), miss.body());
        assert_eq!(hit.head.get("x-request-id"), miss.head.get("x-request-id"));
        assert!(miss.head.has("x-ratelimit-remaining-requests"));
        assert!(!hit.head.has("x-ratelimit-remaining-requests") && !hit.head.has("set-cookie"));
        assert!(!numbers.contains(&miss.body().to_vec()), "{path} {headers:?}");
        numbers.push(miss.body().to_vec());
    }
    // In whatever form the same credential is sent.
    let same = [KEY, token, "user-agent: x", "x-stainless-retry-count: 1", "x-request-id: r"];
    let (status, hit) = ask(&gateway, CHAT, &same, BODY).await;
    assert_eq!((&*status, hit.body()), ("HIT", &numbers[0][..]));
}

#[tokio::test]
async fn callers_share_entries_if_the_host_allows_it() {
    let gateway = start(CacheSettings::new(Duration::from_secs(60)).shared()).await;
    let by = |token: &'static str| [KEY, token];
    let (first, miss) = ask(&gateway, CHAT, &by("cf-aig-authorization: token-one"), BODY).await;
    let (second, hit) = ask(&gateway, CHAT, &by("cf-aig-authorization: token-two"), BODY).await;
    assert_eq!((&*first, &*second), ("MISS", "HIT"));
    assert_eq!(hit.body(), miss.body());
    let other = ["authorization: Bearer sk-two", "cf-aig-authorization: token-two"];
    let (third, _) = ask(&gateway, CHAT, &other, BODY).await;
    assert_eq!(third, "MISS", "the account of another key is another one");
}

#[tokio::test]
async fn rules_and_directives_decide_what_is_stored() {
    let minute = Duration::from_secs(60);
    let cache = CacheSettings::on_request()
        .rule(CacheRule::never().only_models(["*-preview"]))
        .rule(CacheRule::keep(minute).only_paths(["embeddings"]).max_response_bytes(2));
    let gateway = start(cache).await;
    let token = "cf-aig-authorization: token-one";
    let statuses = async |path: &str, further: &[&str], body: &[u8]| {
        let headers = [&[token, KEY][..], further].concat();
        let first = ask(&gateway, path, &headers, body).await.0;
        (first, ask(&gateway, path, &headers, body).await.0)
    };
    let both = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(statuses(CHAT, &[], BODY).await, both("none", "none"));
    assert_eq!(statuses(CHAT, &["cf-aig-cache-ttl: 60"], BODY).await, both("none", "none"));
    let asks = "cf-aig-cache-key: c";
    assert_eq!(statuses(CHAT, &[asks], BODY).await, both("MISS", "HIT"));
    let skips = [asks, "cf-aig-skip-cache: true"];
    assert_eq!(statuses(CHAT, &skips, BODY).await, both("BYPASS", "BYPASS"));
    let preview = br#"{"model":"grok-preview","messages":[]}"#;
    assert_eq!(statuses(CHAT, &[asks], preview).await, both("BYPASS", "BYPASS"));
    let embeddings = "/v1/acct/gw/grok/v1/embeddings";
    assert_eq!(statuses(embeddings, &[], BODY).await, both("MISS", "MISS"), "it is too large");
    let files = "/v1/acct/gw/grok/v1/files";
    assert_eq!(statuses(files, &[asks], BODY).await, both("BYPASS", "BYPASS"));
}
