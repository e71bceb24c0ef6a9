//! Four gateways that count their provider's usage in one Redis.

use std::sync::Arc;

use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::GatewaySettingsBuilder;
use tower_ai_gateway::settings::limits::LimitRule;

use super::*;
use crate::gateway::{AnswerBody, Gateway};
use crate::polling::TOO_LONG;

const GATEWAYS: usize = 4;
const BODY: &str = r#"{"model":"grok-4.3","max_tokens":50,"messages":[]}"#;

/// The usage that the provider has reported.
#[derive(Default)]
struct Written {
    answers: AtomicU64,
    tokens: AtomicU64,
    ticks: AtomicU64,
}

impl Written {
    /// Each answer reports different usage; one in three is a stream, one in three fails.
    fn answer(&self) -> Response<AnswerBody> {
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        let (input, output, cost) = (10 + number, 3 * number % 101, 1_000_003 * number + 7);
        let usage = format!(
            r#""usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{},"cost_in_usd_ticks":{cost}}}"#,
            input + output
        );
        let (status, kind, text) = match number % 3 {
            0 => (200, "application/json", format!(r#"{{"choices":[],{usage}}}"#)),
            1 => {
                let first = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
                let text = format!(
                    "data: {first}\n\ndata: {{\"choices\":[],{usage}}}\n\ndata: [DONE]\n\n"
                );
                (200, "text/event-stream", text)
            }
            _ => (400, "application/json", r#"{"error":"no"}"#.to_owned()),
        };
        if status == 200 {
            self.tokens.fetch_add(input + output, Ordering::Relaxed);
            self.ticks.fetch_add(cost, Ordering::Relaxed);
        }
        let body = Full::from(text).map_err(|never| match never {}).boxed_unsync();
        Response::builder().status(status).header("content-type", kind).body(body).unwrap()
    }
}

fn gateways(
    server: &Server,
    written: &Arc<Written>,
    rules: &[LimitRule],
) -> Vec<(Arc<RedisStore>, ControlLayer, Gateway)> {
    let gateway = |_| {
        let store = Arc::new(patient(server));
        let control = ControlLayer::new().limits(store.clone()).rate_limit_fields(true);
        let written = written.clone();
        let provider = move || std::future::ready(written.answer());
        let set = |set| rules.iter().cloned().fold(set, GatewaySettingsBuilder::limit);
        let gateway = Gateway::new(&control, set, provider);
        (store, control, gateway)
    };
    (0..GATEWAYS).map(gateway).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_gateways_settle_to_the_token_and_to_the_tick() {
    let server = Server::start(&[]);
    let written = Arc::<Written>::default();
    let rules =
        [LimitRule::tokens("tokens", 1 << 50, MONTH), LimitRule::usd("usd", 50_000.0, MONTH)];
    let gateways = gateways(&server, &written, &rules);
    let mut tasks = Vec::new();
    for (.., gateway) in &gateways {
        for _ in 0..10 {
            let gateway = gateway.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..15 {
                    let response = gateway.ask(BODY).await;
                    assert!([200, 400].contains(&response.status().as_u16()), "{response:?}");
                    response.into_body().collect().await.unwrap();
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    for (_, control, _) in &gateways {
        control.limits_handle().flush(TOO_LONG).await.unwrap();
    }
    let overview = gateways[0].1.limits_handle().overview(1).await;
    let used = |name| {
        let rule = overview.rules.iter().find(|rule| rule.rule == name).unwrap();
        rule.top[0].used
    };
    assert_eq!(written.answers.load(Ordering::Relaxed), GATEWAYS as u64 * 150);
    assert_eq!(used("tokens"), written.tokens.load(Ordering::Relaxed));
    assert_eq!(used("usd"), written.ticks.load(Ordering::Relaxed));
    assert_eq!(server.keys().len(), 2, "nothing is held any more");
}

/// Waits if the current minute is about to end: the window must not end within a test.
async fn early_in_the_minute() {
    eventually("another minute begins", async || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs() % 60 < 45
    })
    .await;
}

/// If two rules have no room, the one with the longer wait answers, whatever their order. While there
/// is room, clients see the rule with the smallest remaining share.
#[tokio::test]
async fn of_rules_with_unequal_windows_the_tightest_answers() {
    let minute = |limit| LimitRule::requests("minute", limit, Window::Fixed(Period::Minute));
    let month = |limit| LimitRule::requests("month", limit, MONTH);
    let hour = LimitRule::requests("hour", 90, Window::Sliding(Duration::from_secs(3600)));
    for rules in [[minute(2), month(2), hour.clone()], [month(2), hour, minute(2)]] {
        let server = Server::start(&[]);
        let gateways = gateways(&server, &Arc::default(), &rules);
        early_in_the_minute().await;
        for (.., gateway) in &gateways[..2] {
            assert_ne!(gateway.ask(BODY).await.status(), StatusCode::TOO_MANY_REQUESTS);
        }
        for (.., gateway) in &gateways[2..] {
            let response = gateway.ask(BODY).await;
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            assert!(body.contains("`month`") && !body.contains("`minute`"), "{body}");
        }
    }
    for rules in [[minute(9), month(4)], [month(4), minute(9)]] {
        let server = Server::start(&[]);
        let gateways = gateways(&server, &Arc::default(), &rules);
        for (left, (.., gateway)) in [3, 2, 1, 0].into_iter().zip(&gateways) {
            let response = gateway.ask(BODY).await;
            let field = response.headers()["ratelimit"].to_str().unwrap();
            assert!(field.starts_with(&format!("\"month\";r={left};")), "{field}");
        }
    }
}
