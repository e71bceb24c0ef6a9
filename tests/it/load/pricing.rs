//! The cost of an exchange at its base URL, and its events.

use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::usage::CostSource;
use tower_ai_gateway::{Outcome, Provider};

use crate::load::CHAT;
use crate::support::controlled::{Scene, body, post, with};
use crate::support::scripted::Reply;

const USAGE: &str = r#"{"model":"grok-4.6","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}"#;
/// 1000 tokens at 2 USD and 100 at 6 USD per million, in ticks.
const PRICE: u64 = 20_000_000 + 6_000_000;

#[tokio::test(start_paused = true)]
async fn the_price_is_that_of_the_host_that_served() {
    fastrand::seed(8);
    let provider = Provider::xai().further_base_url("https://us.api.x.ai/v1", 1);
    let scene = Scene::new(
        |builder| builder.provider(provider),
        ControlLayer::new().retry_budget(1_000_000, 1000.0),
        |sent| match sent.header("x-down") {
            Some(down) if down == sent.authority() => Reply::status(503),
            _ => Reply::ok().header("x-request-id", sent.authority()).body(USAGE),
        },
    );
    let mut seen = [0; 2];
    for number in 0..60 {
        let down = ["none", "api.x.ai", "us.api.x.ai"][number % 3];
        let request = with(post(CHAT), "x-down", down);
        let request = with(request, "cf-aig-max-attempts", "5");
        let request = with(request, "cf-aig-retry-delay", "0");
        let (status, _) = scene.ask(body(request, r#"{"model":"grok-4.6"}"#)).await;
        let sent = scene.sent();
        if status != 200 {
            continue;
        }
        let end = scene.recorder.ends().pop().unwrap();
        let served_by = sent.last().unwrap().authority();
        assert_eq!(end.provider_request_id.as_deref(), Some(served_by));
        let is_regional = served_by == "us.api.x.ai";
        seen[usize::from(is_regional)] += 1;
        let cost = end.cost.unwrap();
        assert_eq!(cost.ticks, if is_regional { PRICE * 11 / 10 } else { PRICE });
        assert!(matches!(cost.source, CostSource::Table { .. }));
        assert_eq!((end.outcome, end.status.unwrap().as_u16()), (Outcome::Complete, 200));
        assert_eq!(end.attempts as usize, sent.len());
        assert_eq!((end.provider.as_deref(), end.step), (Some("grok"), 0));
        assert_eq!(end.usage.unwrap().total(), Some(1100));
        assert_eq!(end.response_bytes, USAGE.len() as u64);
    }
    assert!(seen[0] > 15 && seen[1] > 15, "{seen:?}");
}
