//! A provider gets the same head from a request of its own, from an entry of a universal request, and
//! from an entry that is tried after a failed one.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::control::{FallbackLayer, ReplayLayer};
use tower_ai_gateway::settings::{ClientCredentials, GatewaySettingsBuilder};
use tower_ai_gateway::{GatewayLayer, Mount, Provider};

use crate::fallbacks::scene::*;
use crate::support::scripted::{Call, Upstream};

const BODY: &str = r#"{"model":"grok-4","messages":[]}"#;

/// Headers of the client that any provider gets, and directives.
const SHARED: [(&str, &str); 6] = [
    ("host", "gateway.test"),
    ("user-agent", "test/1.0"),
    ("via", "1.0 before"),
    ("anthropic-version", "1"),
    ("cf-aig-session-id", "session-1"),
    ("x-forwarded-for", "203.0.113.7"),
];

/// A request that can be sent by itself or as an entry.
struct Sent {
    provider: &'static str,
    endpoint: &'static str,
    /// Headers that are for this provider alone.
    own: Own,
}

type Own = &'static [(&'static str, &'static str)];

/// The call that is answered.
async fn answered(settings: GatewaySettingsBuilder, path: &str, own: Own, body: &str) -> Call {
    let acme = Provider::custom("acme", "https://acme.test/v1").key_header("x-acme-key");
    let gateway = GatewayLayer::builder()
        .providers([
            Provider::xai().header("x-fixed", "1").query("api-version", "2"),
            Provider::google_ai_studio(),
            acme,
            Provider::custom("down", "https://down.test"),
        ])
        .mount(Mount::hosted().universal())
        .settings(Arc::new(settings.build().unwrap()))
        .via("gateway.test")
        .build()
        .unwrap();
    let upstream = Upstream::new(busy(&["down.test"]));
    let stack = ServiceBuilder::new()
        .layer(ReplayLayer::on_demand())
        .layer(FallbackLayer::new())
        .service(upstream.clone());
    let app = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut request = Request::post(path)
        .header("content-type", "application/json")
        .header("content-length", body.len());
    for (name, value) in SHARED.iter().chain(own) {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let answer = gateway.upstream(stack).layer(app).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200, "{path} {body}");
    answer.into_body().collect().await.unwrap();
    upstream.calls().pop().unwrap()
}

fn entry(sent: &Sent) -> String {
    let headers = sent.own.iter().map(|(name, value)| format!(r#""{name}":"{value}""#));
    let headers = headers.collect::<Vec<_>>().join(",");
    let Sent { provider, endpoint, .. } = sent;
    format!(
        r#"{{"provider":"{provider}","endpoint":"{endpoint}","headers":{{{headers}}},"query":{BODY}}}"#
    )
}

#[tokio::test]
async fn requests_entries_and_fallbacks_give_the_provider_the_same_head() {
    let grok = "v1/chat/completions?x=1";
    let gemini = "v1beta/models/gemini-2.5-pro:generateContent?key=mine&alt=sse";
    let cases = [
        ("grok", grok, &[][..]),
        ("grok", grok, &[("authorization", "Bearer mine"), ("x-team", "t")]),
        ("grok", grok, &[("cf-aig-byok-alias", "second")]),
        ("google-ai-studio", gemini, &[]),
        ("google-ai-studio", gemini, &[("x-goog-api-key", "mine")]),
        ("acme", "x", &[]),
        ("acme", "x", &[("x-acme-key", "mine")]),
    ];
    for ignores_clients_keys in [false, true] {
        for (provider, endpoint, own) in cases {
            let settings = || {
                let settings = keys().key("grok", secret("sk-for-grok")).session_affinity(true);
                let settings = settings.key_as("grok", "second", secret("sk-second"));
                match ignores_clients_keys {
                    true => settings.client_credentials(ClientCredentials::Ignore),
                    false => settings,
                }
            };
            let sent = Sent { provider, endpoint, own };
            let native = format!("/v1/acct/gw/{provider}/{endpoint}");
            let native = answered(settings(), &native, sent.own, BODY).await;
            let entry = entry(&sent);
            let down = r#"{"provider":"down","endpoint":"x","query":{}}"#;
            for body in [format!("[{entry}]"), format!("[{down},{entry}]")] {
                let call = answered(settings(), "/v1/acct/gw", &[], &body).await;
                assert_eq!(call.uri, native.uri);
                assert_eq!(call.headers, native.headers, "{}", call.uri);
                assert_eq!(call.text(), native.text());
            }
        }
    }
}
