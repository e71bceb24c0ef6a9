//! Answers to requests that exceed a limit.

use std::time::Duration;

use http::{Method, Request};
use serde_json::Value;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::settings::SettingsTable;
use tower_ai_gateway::settings::limits::{LimitRule, OnUnknownPrice, Window};

use super::scene::{post, settings};
use super::{Reply, Scene, chat, fixed};

#[tokio::test]
async fn a_request_over_the_limit_is_429_and_not_sent() {
    let scene = Scene::new(|set| set.limit(LimitRule::requests("hourly", 3, fixed())));
    assert_eq!(scene.statuses((0..3).map(|_| chat("{}"))).await, [200; 3]);
    assert_eq!(scene.end().used("hourly"), 3);
    scene.sent();
    let answer = scene.send(chat("{}")).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"3600".parse().unwrap())
    );
    assert!(!answer.headers().contains_key("ratelimit"), "not unless the host wants it");
    let (_, body) = scene.ask(chat("{}")).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["gateway"]["code"], 2003);
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert_eq!(body["error"]["code"], "rate_limited");
    let message = body["error"]["message"].as_str().unwrap();
    for part in ["`hourly`", "3 requests per hour", "0 requests left", "3600 s"] {
        assert!(message.contains(part), "{message}");
    }
    let end = scene.end();
    assert_eq!((end.outcome, end.code, end.attempts), (Outcome::Rejected, Some(2003), 0));
    assert!(end.of("hourly").is_exceeded && !end.of("hourly").is_shadow);
    assert!(scene.sent().is_empty());
    scene.advance(3_600_000);
    assert_eq!(scene.ask(chat("{}")).await.0, 200);
}

#[tokio::test]
async fn the_429_is_in_the_callers_format() {
    let scene = Scene::new(|set| {
        set.limit(LimitRule::usd("daily", 0.0001, fixed())).limit(LimitRule::requests(
            "few",
            1,
            fixed(),
        ))
    });
    scene.replies([Reply::used(1_000_000, 1_000_000)]);
    let messages =
        || post("/v1/acct/gw/grok/v1/messages", r#"{"model":"grok-4.5","max_tokens":1}"#);
    assert_eq!(scene.ask(chat(r#"{"model":"grok-4.5","max_tokens":1}"#)).await.0, 200);
    let (status, body) = scene.ask(messages()).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["type"], &body["error"]["type"]),
        (429, &"error".into(), &"rate_limit_error".into())
    );
    let scene = Scene::new(|set| set.limit(LimitRule::usd("daily", 0.0001, fixed())));
    scene.replies([Reply::used(1_000_000, 1_000_000)]);
    assert_eq!(scene.ask(chat(r#"{"model":"grok-4.5","max_tokens":1}"#)).await.0, 200);
    let answer = scene.send(chat(r#"{"model":"grok-4.5","max_tokens":1}"#)).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-should-retry"]),
        (429, &"false".parse().unwrap())
    );
    assert_eq!(scene.end().code, Some(2041));
}

#[tokio::test]
async fn a_refused_request_counts_in_no_rule() {
    let scene = Scene::new(|set| {
        let rule = |name: &str, amount| LimitRule::requests(name, amount, fixed());
        set.limit(rule("wide", 100)).limit(rule("narrow", 1))
    });
    assert_eq!(scene.statuses((0..3).map(|_| chat("{}"))).await, [200, 429, 429]);
    scene.advance(3_600_000);
    scene.ask(chat("{}")).await;
    assert_eq!(scene.end().used("wide"), 1);
    scene.ask(chat("{}")).await;
    assert_eq!(scene.end().used("wide"), 1, "what was refused has counted");
}

#[tokio::test]
async fn a_shadow_counts_and_reports_and_refuses_nothing() {
    let scene = Scene::new(|set| set.limit(LimitRule::requests("trial", 2, fixed()).shadow()));
    assert_eq!(scene.statuses((0..4).map(|_| chat("{}"))).await, [200; 4]);
    let report = scene.end().of("trial").clone();
    assert_eq!((report.used, report.limit), (4, 2));
    assert!(report.is_exceeded && report.is_shadow);
}

#[tokio::test]
async fn calls_without_a_model_are_not_limited() {
    let scene = Scene::new(|set| {
        set.limit(LimitRule::requests("one", 1, fixed())).limit(LimitRule::tokens(
            "some",
            1,
            fixed(),
        ))
    });
    scene.ask(chat(r#"{"model":"grok-4.5"}"#)).await;
    for path in ["/v1/acct/gw/grok/v1/models", "/v1/acct/gw/openai/v1/files/f_1"] {
        let request = Request::builder().method(Method::GET).uri(path).header("host", "h");
        let request = request.body(Default::default()).unwrap();
        assert_eq!(scene.ask(request).await.0, 200, "{path}");
    }
    assert_eq!(scene.ask(chat("{}")).await.0, 429);
}

#[tokio::test]
async fn headers_show_the_remainder_if_the_host_wants_it() {
    let set = |rule| SettingsTable::new().serve_unknown(settings(|set| set.limit(rule)));
    let rule = LimitRule::requests("hourly", 2, fixed());
    let scene = Scene::with(set(rule), |control| control.rate_limit_fields(true));
    let answer = scene.send(chat("{}")).await;
    let field = |answer: &super::scene::Answer, name: &str| {
        answer.headers()[name].to_str().unwrap().to_owned()
    };
    assert_eq!(field(&answer, "ratelimit-policy"), r#""hourly";q=2;w=3600;qu="requests""#);
    assert_eq!(field(&answer, "ratelimit"), r#""hourly";r=1;t=3600"#);
    scene.ask(chat("{}")).await;
    let refused = scene.send(chat("{}")).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(field(&refused, "ratelimit"), r#""hourly";r=0;t=3600"#);
    let bucket = Window::Bucket { per: Duration::from_secs(10), burst: 5 };
    let scene = Scene::with(set(LimitRule::tokens("flow", 10, bucket)), |control| {
        control.rate_limit_fields(true)
    });
    let answer = scene.send(chat(r#"{"model":"m","max_tokens":1}"#)).await;
    assert_eq!(field(&answer, "ratelimit-policy"), r#""flow";q=5;w=10"#);
}

#[tokio::test]
async fn each_rule_decides_about_unknown_prices() {
    let body = r#"{"model":"nobody-knows-it","max_tokens":5}"#;
    let json = Reply::Json(
        200,
        r#"{"object":"chat.completion","model":"nobody-knows-it","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#.into(),
    );
    let rule = || LimitRule::usd("daily", 5.0, fixed());
    let scene = Scene::new(|set| set.limit(rule()));
    scene.replies([json.clone()]);
    assert_eq!(scene.ask(chat(body)).await.0, 200);
    let report = scene.end().of("daily").clone();
    assert!(report.is_price_unknown && report.used == 0, "{report:?}");
    let scene = Scene::new(|set| set.limit(rule().on_unknown_price(OnUnknownPrice::Refuse)));
    let (status, body) = scene.ask(chat(body)).await;
    assert!(status == 429 && body.contains("nobody-knows-it") && body.contains("2041"), "{body}");
    assert!(scene.sent().is_empty());
    assert_eq!(scene.ask(chat(r#"{"model":"grok-4.5","max_tokens":5}"#)).await.0, 200);
}

#[tokio::test]
async fn an_answer_of_unknown_price_counts_its_estimate_or_its_tokens() {
    const BODY: &str = r#"{"model":"grok-4.5","max_tokens":100,"messages":[]}"#;
    let (per_input, per_output) = (20_000, 60_000);
    let estimate = BODY.len().div_ceil(4) as u64 * per_input + 100 * per_output;
    for (input, output, counted) in
        [(1, 1, estimate), (100_000, 50, 100_000 * per_input + 50 * per_output)]
    {
        let reply = Reply::Json(
            200,
            format!(
                r#"{{"object":"chat.completion","model":"grok-4.5","service_tier":"scale","choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}}}"#,
                input + output
            ),
        );
        let scene = Scene::new(|set| {
            set.limit(
                LimitRule::usd("daily", 0.1, fixed()).on_unknown_price(OnUnknownPrice::Refuse),
            )
            .limit(LimitRule::tokens("tokens", 1_000_000, fixed()))
        });
        scene.replies([reply]);
        assert_eq!(scene.ask(chat(BODY)).await.0, 200);
        let report = scene.end().of("daily").clone();
        assert!(report.is_price_unknown && report.used == counted, "{report:?}");
        assert_eq!(scene.end().used("tokens"), input + output);
        let is_used_up = counted > report.limit;
        assert_eq!(scene.ask(chat(BODY)).await.0, if is_used_up { 429 } else { 200 });
    }
}

#[tokio::test]
async fn replaced_settings_keep_their_counts() {
    let rule = |amount| LimitRule::requests("hourly", amount, fixed());
    let scene = Scene::new(|set| set.limit(rule(2)));
    assert_eq!(scene.statuses((0..3).map(|_| chat("{}"))).await, [200, 200, 429]);
    scene.replace(|set| set.limit(rule(3)));
    assert_eq!(scene.statuses((0..2).map(|_| chat("{}"))).await, [200, 429]);
    scene.replace(|set| set.limit(LimitRule::requests("another", 1, fixed())));
    assert_eq!(scene.ask(chat("{}")).await.0, 200);
}

#[cfg(all(feature = "log", feature = "metrics"))]
#[tokio::test]
async fn rules_are_measured_and_logged_without_their_callers() {
    use tower_ai_gateway::Identity;
    use tower_ai_gateway::settings::limits::CountBy;
    let scene =
        Scene::new(|set| set.limit(LimitRule::requests("few", 1, fixed()).by(CountBy::Subject)));
    let request = || {
        let mut request = chat("{}");
        let identity = Identity::builder("ann-LEAK").build().unwrap();
        request.extensions_mut().insert(identity);
        request
    };
    scene.ask(request()).await;
    assert!(scene.end().logged.is_empty());
    scene.ask(request()).await;
    assert_eq!(scene.end().logged, ["few"]);
    let page = scene.page.render();
    for name in ["ai_gateway_limit{", "ai_gateway_limit_used{", "ai_gateway_requests_limited{"] {
        let line = page.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {page}"));
        assert!(line.contains("few") && line.ends_with(" 1"), "{line}");
    }
    assert!(!page.contains("LEAK"), "{page}");
}
