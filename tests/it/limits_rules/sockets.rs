//! Over real sockets: what was used without a usage that the client waits for.

use tower::{Layer, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::limits::LimitsHandle;
use tower_ai_gateway::settings::GatewaySettings;
use tower_ai_gateway::settings::limits::LimitRule;
use tower_ai_gateway::{GatewayLayer, HttpClient, Mount, Provider};

use super::fixed;
use crate::support::ends::Ends;
use crate::support::gateway::Gateway;
use crate::support::memory::End;
use crate::support::message::chunk;
use crate::support::metered::{
    CHAT, SSE_HEAD, Scene, chat_event, get, json, post, sse, usage_event,
};
use crate::support::raw_upstream::RawUpstream;

const RESPONSES: &str = "/v1/acct/gw/grok/v1/responses";

struct Stage {
    scene: Scene,
    limits: LimitsHandle,
}

impl Stage {
    async fn new() -> Self {
        let provider = RawUpstream::start().await;
        let (hook, ends) = Ends::by(End::of);
        let rule = LimitRule::output_tokens("output", 1000, fixed());
        let settings = GatewaySettings::builder().authenticated_elsewhere().limit(rule);
        let control = ControlLayer::new();
        let limits = control.limits_handle();
        let layer = GatewayLayer::builder()
            .provider(Provider::xai().base_url(provider.base("/v1")))
            .mount(Mount::hosted())
            .settings(std::sync::Arc::new(settings.build().unwrap()))
            .metrics_hook(hook)
            .build()
            .unwrap();
        let client = control.layer(HttpClient::builder().build().unwrap());
        let app = service_fn(async |_: http::Request<hyper::body::Incoming>| {
            let body = http_body_util::Empty::<bytes::Bytes>::new();
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        });
        let gateway = Gateway::serve(layer.upstream(client).layer(app)).await;
        Self { scene: Scene { gateway, provider, ends }, limits }
    }

    /// The status of a request that the provider answers so.
    async fn exchange(&mut self, request: &[u8], answer: &[u8]) -> u16 {
        self.scene.exchange(request, answer).await.0.status()
    }

    async fn used(&self) -> u64 {
        self.limits.overview(1).await.rules[0].top[0].used
    }
}

fn response(status: &str, usage: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"id":"resp_1","object":"response","model":"grok-4.3","status":"{status}","usage":{usage}}}"#
    );
    json("200 OK", &body)
}

#[tokio::test]
async fn background_responses_count_even_if_never_fetched() {
    let mut stage = Stage::new().await;
    let order = post(RESPONSES, br#"{"model":"grok-4","background":true,"max_output_tokens":400}"#);
    for used in [400, 800] {
        assert_eq!(stage.exchange(&order, &response("queued", "null")).await, 200);
        assert_eq!(stage.used().await, used);
    }
    assert_eq!(stage.scene.gateway.answer(&order).await.status(), 429);
    assert_eq!(stage.scene.provider.connections(), 2);
    stage.scene.ends.next().await;
    // Both had the same id here: the later one is fetched.
    let usage = r#"{"input_tokens":10,"output_tokens":50,"total_tokens":60}"#;
    let poll = get(&format!("{RESPONSES}/resp_1"));
    assert_eq!(stage.exchange(&poll, &response("completed", usage)).await, 200);
    assert_eq!(stage.used().await, 450);
}

#[tokio::test]
async fn a_client_that_leaves_at_the_finish_reason_counts_the_reasoning() {
    let mut stage = Stage::new().await;
    let ask = post(CHAT, br#"{"model":"grok-4","stream":true,"max_tokens":400,"messages":[]}"#);
    let usage = r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":97,"completion_tokens_details":{"reasoning_tokens":90}}"#;
    let text = chat_event(r#"{"content":"a"}"#) + &chat_event(r#"{"content":"b"}"#);
    let whole = text.clone() + &usage_event(usage) + "data: [DONE]\n\n";
    assert_eq!(stage.exchange(&ask, &sse(&whole, 64)).await, 200);
    assert_eq!(stage.used().await, 92);
    let mut client = stage.scene.gateway.connect().await;
    client.send(&ask).await;
    let mut provider = stage.scene.provider.accept().await;
    provider.read_message().await;
    provider.send(SSE_HEAD).await;
    provider.send(chunk(text.as_bytes())).await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"\"b\"") {
        seen.extend(client.read_bytes(1).await);
    }
    drop(client);
    stage.scene.ends.next().await;
    // 88 that no event shows, and 4 for each event.
    assert_eq!(stage.used().await, 92 + 96);
}
