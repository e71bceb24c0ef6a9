//! WebSocket, which gateway paths do not support: clients such as Codex fall back to HTTP only on
//! 426.

use bytes::Bytes;
use http::{Method, Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::ext::Protocol;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::settings::GatewaySettings;

use crate::gateways::scene::{Scene, request as scene_request, token};
use crate::support::client::Connection;
use crate::support::gateway::Gateway;
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

const HANDSHAKE: [&str; 4] = [
    "connection: keep-alive, Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];

#[tokio::test]
async fn a_handshake_on_a_gateway_path_is_426_on_a_live_connection() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut wire = gateway.connect().await;
    for path in [
        "/v1/acct/gw/grok/v1/responses",
        "/ai/grok/v1/realtime?model=grok-4",
        "/v1/acct/gw/compat/responses",
        "/client/v4/accounts/acct/ai/v1/responses",
    ] {
        for upgrade in ["websocket", "WebSocket", "h2c, websocket"] {
            let upgrade = format!("upgrade: {upgrade}");
            let lines = [HANDSHAKE[0], &upgrade, HANDSHAKE[2], HANDSHAKE[3]];
            wire.send(request(&format!("GET {path}"), &lines, b"")).await;
            let answer = wire.read_message().await;
            answer.gateway_error(426, 2426);
            assert_eq!(answer.head.get("upgrade"), Some("websocket"), "{path}");
            assert_eq!(answer.head.get("connection"), Some("upgrade"), "{path}");
            assert_eq!(answer.head.get("x-should-retry"), Some("false"), "{path}");
        }
    }
    upstream.assert_untouched("nothing of a handshake is sent on");
    // The same connection, reused by a client that has fallen back.
    wire.send(request("POST /ai/grok/v1/responses", &[], b"{}")).await;
    assert_eq!(wire.read_message().await.status(), 200);
    let other = ["connection: upgrade", "upgrade: h2c"];
    wire.send(request("POST /ai/grok/v1/responses", &other, b"{}")).await;
    assert_eq!(wire.read_message().await.status(), 200, "another protocol is passed over");
}

#[tokio::test]
async fn a_handshake_for_the_app_passes_unchanged() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let answer = gateway.answer(request("GET /v1/users/42/posts", &HANDSHAKE, b"")).await;
    assert_eq!(answer.status(), 418, "the app's own: {}", answer.text());
    let text = answer.text().to_ascii_lowercase();
    for part in ["websocket", "sec-websocket-key", "dghlihnhbxbszsbub25jzq=="] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_handshake_is_one_rejected_exchange() {
    let scene = Scene::new(std::sync::Arc::new(GatewaySettings::default()));
    let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
    scene.refuses("GET /v1/acct/gw/openai/responses", &headers, "", (426, 2426)).await;
    assert_eq!(scene.hook.order(), "request end");
    let end = scene.hook.end();
    assert_eq!((end.outcome, end.gateway_code), (Outcome::Rejected, Some(2426)));
    assert_eq!(end.attempts, 0);
}

#[tokio::test]
async fn extended_connect_is_refused_without_hop_by_hop_fields() {
    let scene = Scene::new(std::sync::Arc::new(GatewaySettings::default()));
    let line = "CONNECT /v1/acct/gw/grok/v1/realtime";
    let mut extended = scene_request(line, &[("sec-websocket-version", "13")], "");
    *extended.version_mut() = Version::HTTP_2;
    let answer = scene.send(extended).await;
    answer.refused(426, 2426);
    assert!(!answer.headers.contains_key("upgrade") && !answer.headers.contains_key("connection"));
    scene.refuses(line, &[], "", (400, 2400)).await;
}

#[tokio::test]
async fn an_http2_connection_survives_a_refused_handshake() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = Connection::open(gateway.addr, Version::HTTP_2).await;
    let ask = |method: Method, protocol: Option<&'static str>| {
        let request = Request::builder().method(method).version(Version::HTTP_2);
        let uri = format!("http://{}/ai/grok/v1/realtime", gateway.addr);
        let mut request = request.uri(uri).body(Empty::<Bytes>::new().boxed()).unwrap();
        if let Some(protocol) = protocol {
            request.extensions_mut().insert(Protocol::from_static(protocol));
        }
        request
    };
    // The server first announces that it accepts such requests (RFC 8441 §3).
    assert_eq!(client.send(ask(Method::GET, None)).await.status(), 200);
    let answer = client.send(ask(Method::CONNECT, Some("websocket"))).await;
    assert_eq!(answer.status(), 426);
    assert!(!answer.headers().contains_key("upgrade"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(error["gateway"]["code"], 2426, "{error}");
    assert_eq!(client.send(ask(Method::GET, None)).await.status(), 200);
    assert_eq!(upstream.requests().len(), 2, "nothing of the handshake was sent on");
}

#[tokio::test]
async fn unauthorized_clients_get_that_error_first() {
    let scene = Scene::with(|of| of.token(token("sk-LEAK-token")));
    let line = "GET /v1/acct/gw/openai/responses";
    let upgrade = ("upgrade", "websocket");
    scene.refuses(line, &[upgrade], "", (401, 2009)).await;
    let shown = [upgrade, ("authorization", "Bearer sk-LEAK-token")];
    scene.refuses(line, &shown, "", (426, 2426)).await;
}
