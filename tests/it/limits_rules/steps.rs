//! Several attempts and steps count as one request.

use std::io::ErrorKind;

use tower_ai_gateway::settings::limits::{LimitRule, OnExceeded, OnUnknownPrice};
use tower_ai_gateway::settings::route::{DynamicRoute, Node};
use tower_ai_gateway::settings::{FallbackChain, GatewaySettingsBuilder, GatewayToken, Secret};

use super::scene::post;
use super::{Reply, Scene, chat, fixed};

const BODY: &str = r#"{"model":"grok-4.5","max_tokens":10}"#;

fn retried(set: GatewaySettingsBuilder) -> GatewaySettingsBuilder {
    set.defaults(|defaults| {
        defaults.max_attempts = Some(3);
        defaults.retry_delay = Some(std::time::Duration::ZERO);
    })
}

#[tokio::test]
async fn retries_reserve_and_count_once() {
    let scene =
        Scene::new(|set| {
            retried(set)
                .limit(LimitRule::requests("requests", 1, fixed()))
                .limit(LimitRule::tokens("tokens", 50, fixed()))
        });
    scene.replies([
        Reply::status(503),
        Reply::Fails(ErrorKind::ConnectionReset),
        Reply::used(2, 3),
    ]);
    assert_eq!(scene.ask(chat(BODY)).await.0, 200);
    let end = scene.end();
    assert_eq!((end.attempts, end.used("requests"), end.used("tokens")), (3, 1, 5));
}

#[tokio::test]
async fn fallbacks_count_once_by_the_step_that_answered() {
    let scene = Scene::new(|set| {
        set.fallback(FallbackChain::on("grok-4.5").to_model("grok-3"))
            .limit(LimitRule::requests("all", 10, fixed()))
            .limit(LimitRule::tokens("all-tokens", 1000, fixed()))
            .limit(LimitRule::requests("first", 10, fixed()).only_models(["grok-4.5"]))
            .limit(LimitRule::tokens("first-tokens", 1000, fixed()).only_models(["grok-4.5"]))
            .limit(LimitRule::tokens("second-tokens", 1000, fixed()).only_models(["grok-3"]))
    });
    scene.replies([Reply::status(503), Reply::used(2, 3)]);
    assert_eq!(scene.ask(chat(BODY)).await.0, 200);
    let end = scene.end();
    assert_eq!((end.step, end.attempts), (1, 2));
    let used =
        ["all", "all-tokens", "first", "first-tokens", "second-tokens"].map(|name| end.used(name));
    assert_eq!(used, [1, 5, 1, 0, 5]);
    // The first step never reaches its provider.
    scene.replies([Reply::Fails(ErrorKind::ConnectionRefused), Reply::used(2, 3)]);
    assert_eq!(scene.ask(chat(BODY)).await.0, 200);
    let end = scene.end();
    assert_eq!((end.used("all"), end.used("first"), end.used("second-tokens")), (2, 1, 10));
}

#[tokio::test]
async fn over_the_limit_the_next_step_is_tried_if_the_rule_allows_it() {
    let rule = || {
        LimitRule::requests("big", 1, fixed())
            .only_models(["grok-4.5"])
            .on_exceeded(OnExceeded::Fallback)
    };
    let scene = Scene::new(|set| {
        retried(set.fallback(FallbackChain::on("grok-4.5").to_model("grok-3"))).limit(rule())
    });
    assert_eq!(scene.ask(chat(BODY)).await.0, 200);
    assert_eq!(scene.end().step, 0);
    let (status, _) = scene.ask(chat(BODY)).await;
    let end = scene.end();
    assert_eq!((status, end.step, end.attempts), (200, 1, 1), "what was not sent is no attempt");
    assert!(end.of("big").is_exceeded);
    assert_eq!(end.used("big"), 1);
    // Without another step it is refused at once.
    let scene = Scene::new(|set| retried(set).limit(rule()));
    assert_eq!(scene.statuses([chat(BODY), chat(BODY)]).await, [200, 429]);
    assert_eq!((scene.end().attempts, scene.end().code), (0, Some(2003)));
}

#[tokio::test]
async fn a_rule_that_refuses_is_not_evaded_by_a_fallback() {
    let scene = Scene::new(|set| {
        set.fallback(FallbackChain::on("grok-4.5").to_model("grok-3"))
            .limit(LimitRule::requests("big", 1, fixed()).only_models(["grok-4.5"]))
    });
    assert_eq!(scene.statuses([chat(BODY), chat(BODY)]).await, [200, 429]);
    assert_eq!(scene.sent().len(), 1);
}

#[tokio::test]
async fn a_dynamic_route_uses_a_cheaper_model_over_the_limit() {
    let route = DynamicRoute::builder("thrifty")
        .start("budget")
        .node("budget", Node::limit("big", "large", "small"))
        .node("large", Node::model("grok", "grok-4.5"))
        .node("small", Node::model("grok", "grok-3-mini"))
        .build()
        .unwrap();
    let scene = Scene::new(|set| {
        set.token(GatewayToken::new("token-one"))
            .key("grok", Secret::new("sk-stored").unwrap())
            .limit(LimitRule::requests("big", 2, fixed()))
            .route(route)
    });
    let request = |path: &str, model: &str| {
        let mut request = post(path, format!(r#"{{"model":"{model}","max_tokens":3}}"#));
        request.headers_mut().remove("authorization");
        request.headers_mut().insert("cf-aig-authorization", "token-one".parse().unwrap());
        request
    };
    let routed = || request("/v1/acct/gw/compat/chat/completions", "dynamic/thrifty");
    let mut models = Vec::new();
    for _ in 0..4 {
        let answer = scene.send(routed()).await;
        assert_eq!(answer.status(), 200);
        models.push(answer.headers()["cf-aig-model"].to_str().unwrap().to_owned());
    }
    assert_eq!(models, ["grok-4.5", "grok-4.5", "grok-3-mini", "grok-3-mini"]);
    // It applies to nothing else.
    let direct = request("/v1/acct/gw/grok/v1/chat/completions", "grok-4.5");
    assert_eq!(scene.ask(direct).await.0, 200);
    assert!(scene.end().limits.is_empty());
}

#[tokio::test]
async fn a_step_of_unknown_price_is_refused_even_if_the_first_has_a_price() {
    let scene = Scene::new(|set| {
        let rule = LimitRule::usd("daily", 5.0, fixed()).on_unknown_price(OnUnknownPrice::Refuse);
        set.fallback(FallbackChain::on("grok-4.5").to_model("nobody-knows-it")).limit(rule)
    });
    scene.replies([Reply::status(500), Reply::used(1, 1)]);
    let (status, body) = scene.ask(chat(BODY)).await;
    assert!(status == 429 && body.contains("nobody-knows-it"), "{status}: {body}");
    assert_eq!(scene.sent().len(), 1);
}
