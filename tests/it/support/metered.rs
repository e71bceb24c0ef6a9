//! A gateway with awaitable end events, and answers in the shapes of xAI's API.

use tower_ai_gateway::GatewayLayerBuilder;

use super::ends::Ends;
use super::gateway::{Gateway, Setup};
use super::memory::End;
use super::message::{Message, chunk, request, response};
use super::raw_upstream::RawUpstream;

pub const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";
pub const CHAT_REQUEST: &[u8] = br#"{"model":"grok-4","stream":true,"messages":[]}"#;
pub const DONE: &str = "data: [DONE]\n\n";

/// The usage of a chat completion: 76 fresh and 128 cached tokens in, 2 and 62 of reasoning out.
pub const CHAT_USAGE: &str = r#"{"prompt_tokens":204,"completion_tokens":2,"total_tokens":268,"prompt_tokens_details":{"cached_tokens":128},"completion_tokens_details":{"reasoning_tokens":62},"cost_in_usd_ticks":2244800}"#;

/// One event of a chat stream.
pub fn chat_event(delta: &str) -> String {
    format!("data: {{\"model\":\"grok-4.3\",\"choices\":[{{\"delta\":{delta}}}]}}\n\n")
}

/// The event with the usage, after all others.
pub fn usage_event(usage: &str) -> String {
    format!("data: {{\"model\":\"grok-4.3\",\"choices\":[],\"usage\":{usage}}}\n\n")
}

/// A gateway, a provider played by the test, and the end events in order.
pub struct Scene {
    pub gateway: Gateway,
    pub provider: RawUpstream,
    pub ends: Ends<End>,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(|layer| layer).await
    }

    pub async fn with(change: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder) -> Self {
        let provider = RawUpstream::start().await;
        let (hook, ends) = Ends::by(End::of);
        let setup = Setup::new(provider.base("/v1"));
        let gateway = setup.layer(|layer| change(layer).metrics_hook(hook)).start().await;
        Self { gateway, provider, ends }
    }

    pub async fn end(&mut self) -> End {
        self.ends.next().await
    }

    /// Runs an exchange: the provider answers a request with these bytes and disconnects.
    pub async fn exchange(&mut self, request: &[u8], answer: &[u8]) -> (Message, End) {
        let mut client = self.gateway.connect().await;
        client.send(request).await;
        let mut provider = self.provider.accept().await;
        provider.read_message().await;
        provider.send(answer).await;
        drop(provider);
        let message = client.read_message().await;
        (message, self.end().await)
    }

    /// Runs a `POST` that is answered with JSON.
    pub async fn json(&mut self, path: &str, body: &str) -> End {
        let (message, end) =
            self.exchange(&post(path, br#"{"model":"grok-4"}"#), &json("200 OK", body)).await;
        assert_eq!(message.body(), body.as_bytes());
        end
    }

    /// Runs a `POST` that is answered with a stream, in chunks of `size` bytes.
    pub async fn stream(&mut self, path: &str, body: &str, size: usize) -> End {
        let (message, end) = self.exchange(&post(path, CHAT_REQUEST), &sse(body, size)).await;
        assert_eq!(message.body(), body.as_bytes());
        end
    }
}

pub fn post(path: &str, body: &[u8]) -> Vec<u8> {
    request(&format!("POST {path}"), &["content-type: application/json"], body)
}

pub fn get(path: &str) -> Vec<u8> {
    request(&format!("GET {path}"), &[], b"")
}

/// An answer after which the connection ends.
pub fn json(status: &str, body: &str) -> Vec<u8> {
    response(status, &["content-type: application/json", "connection: close"], body.as_bytes())
}

pub const SSE_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
     connection: close\r\ntransfer-encoding: chunked\r\n\r\n";

/// A whole stream in chunks of `size` bytes.
pub fn sse(body: &str, size: usize) -> Vec<u8> {
    let chunks = body.as_bytes().chunks(size).flat_map(chunk);
    SSE_HEAD.bytes().chain(chunks).chain(chunk(b"")).collect()
}
