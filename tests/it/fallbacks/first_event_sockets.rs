//! Errors in the first event of a stream, over real connections and with all control layers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use tower_ai_gateway::settings::{
    ConcurrencyLimit, FallbackChain, GatewaySettings, GatewaySettingsBuilder,
};
use tower_ai_gateway::{GatewayLayer, HttpClient, Outcome, Provider};

use crate::fallbacks::scene::secret;
use crate::support::guard;
use crate::support::message::chunk;
use crate::support::raw_upstream::RawUpstream;
use crate::support::scripted::events::Events;

const PATH: &str = "/v1/acct/gw/first/chat/completions";
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
const OVERLOADED: &str =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
const ANSWER: &str =
    ": hi\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"Once\"}}]}\n\ndata: [DONE]\n\n";

struct Scene {
    first: RawUpstream,
    other: RawUpstream,
    events: Events,
    changes: Arc<Mutex<Vec<String>>>,
}

type Sent = tokio::task::JoinHandle<(String, Bytes)>;

impl Scene {
    async fn start() -> Self {
        let (first, other) = (RawUpstream::start().await, RawUpstream::start().await);
        Self { first, other, events: Events::default(), changes: Arc::default() }
    }

    /// A client of a gateway with two providers and a limit of one request per key.
    fn client(&self) -> impl Fn() -> Sent + use<> {
        let custom = |slug, upstream: &RawUpstream| Provider::custom(slug, upstream.base("/v1"));
        let settings: GatewaySettingsBuilder = GatewaySettings::builder()
            .authenticated_elsewhere()
            .key("first", secret("sk-for-first"))
            .key("other", secret("sk-for-other"))
            .concurrency(ConcurrencyLimit::new(1))
            .fallback(FallbackChain::on("*").to("other", "m2"));
        let gateway = GatewayLayer::builder()
            .providers([custom("first", &self.first), custom("other", &self.other)])
            .settings(Arc::new(settings.build().unwrap()))
            .metrics_hook(self.events.clone())
            .build()
            .unwrap();
        let changes = self.changes.clone();
        let health = HealthLayer::new()
            .breaker(BreakerSettings::default().failures_in_a_row(2).open_for(MINUTE))
            .cool_down(CoolDownSettings::default())
            .on_change(move |change: &tower_ai_gateway::hook::HealthChange<'_>| {
                let reported = format!("{} to {}: {}", change.from, change.to, change.reason);
                changes.lock().unwrap().push(reported);
            });
        let stack = ControlLayer::new().health(health).layer(HttpClient::new().unwrap());
        let app = service_fn(async |_: Request<Full<Bytes>>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::default()))
        });
        let service = gateway.upstream(stack).layer(app);
        move || {
            let request = Request::post(PATH).header("content-type", "application/json");
            let request = request.body(Full::from(r#"{"model":"m1","stream":true}"#)).unwrap();
            let service = service.clone();
            tokio::spawn(async move {
                let (head, body) = service.oneshot(request).await.unwrap().into_parts();
                let step = head.headers["cf-aig-step"].to_str().unwrap().to_owned();
                (step, body.collect().await.unwrap().to_bytes())
            })
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_error_leads_to_the_next_step_and_is_the_providers_failure() {
    let mut scene = Scene::start().await;
    let client = scene.client();
    let mut open = Vec::new();
    for attempt in 1..=3 {
        let sent = client();
        if attempt < 3 {
            let mut wire = scene.first.accept().await;
            wire.read_message().await;
            // The stream does not end, so waiting for its end would hang.
            wire.send(HEAD).await;
            wire.send(chunk(OVERLOADED.as_bytes())).await;
            open.push(wire);
        }
        let mut wire = scene.other.accept().await;
        let message = wire.read_message().await;
        assert_eq!(message.json()["model"], "m2");
        assert_eq!(message.head.get("authorization"), Some("Bearer sk-for-other"));
        wire.send(HEAD).await;
        for part in ANSWER.as_bytes().chunks(9) {
            wire.send(chunk(part)).await;
        }
        wire.send(chunk(b"")).await;
        let (step, body) = guard("the answer", sent).await.unwrap();
        assert_eq!((&*step, &*body), ("1", ANSWER.as_bytes()));
        let end = scene.events.ends.lock().unwrap().pop().unwrap();
        assert_eq!((end.outcome, end.step), (Outcome::Complete, 1));
        assert!(scene.events.ends.lock().unwrap().is_empty(), "there is one");
    }
    // The third call did not go to it.
    assert_eq!(scene.first.connections(), 2);
    assert_eq!(*scene.changes.lock().unwrap(), ["closed to open: failures_in_a_row"]);
}

/// It is over with its first frame.
#[tokio::test]
async fn a_complete_error_with_status_200_is_the_providers_failure() {
    let mut scene = Scene::start().await;
    let client = scene.client();
    for _ in 0..2 {
        let sent = client();
        let mut wire = scene.first.accept().await;
        wire.read_message().await;
        let error = r#"{"error":{"message":"no","type":"overloaded_error"}}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
        wire.send(format!("{head}content-length: {}\r\n\r\n{error}", error.len())).await;
        let mut wire = scene.other.accept().await;
        wire.read_message().await;
        wire.send(HEAD).await;
        wire.send(chunk(ANSWER.as_bytes())).await;
        wire.send(chunk(b"")).await;
        assert_eq!(guard("the answer", sent).await.unwrap().0, "1");
    }
    assert_eq!(*scene.changes.lock().unwrap(), ["closed to open: failures_in_a_row"]);
}

#[tokio::test]
async fn a_rate_limit_error_cools_the_key_down() {
    let mut scene = Scene::start().await;
    let sent = scene.client()();
    let mut wire = scene.first.accept().await;
    wire.read_message().await;
    wire.send(HEAD).await;
    wire.send(chunk(OVERLOADED.replace("overloaded", "rate_limit").as_bytes())).await;
    let mut wire = scene.other.accept().await;
    wire.read_message().await;
    wire.send(HEAD).await;
    wire.send([chunk(ANSWER.as_bytes()), chunk(b"")].concat()).await;
    guard("the answer", sent).await.unwrap();
    assert_eq!(*scene.changes.lock().unwrap(), ["closed to cooling_down: retry_after"]);
}

#[tokio::test]
async fn a_client_that_leaves_while_a_head_is_held_back_ends_the_call() {
    let mut scene = Scene::start().await;
    let sent = scene.client()();
    let mut wire = scene.first.accept().await;
    wire.read_message().await;
    wire.send(HEAD).await;
    wire.send(chunk(b": hi\n\n")).await;
    sent.abort();
    assert!(guard("the end of the call", wire.read_to_end()).await.is_empty());
    assert_eq!(scene.events.end().outcome, Outcome::Cancelled);
    assert_eq!(scene.other.connections(), 0);
}
