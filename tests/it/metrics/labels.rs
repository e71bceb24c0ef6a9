//! Labels: names, values and bounds.

use tower_ai_gateway::usage::{Price, PriceTable, Prices, TokenPrice};

use crate::metrics::scene::Scene;

/// Prices of models and their snapshots.
fn priced() -> Prices {
    let mut table = PriceTable::builtin();
    let price = Price::per_token(TokenPrice::new(1, 1, 1)).snapshots(true);
    table.insert("grok/missing", price.clone());
    table.insert("grok/echo", price.alias("echo-alias"));
    Prices::new(table)
}

#[tokio::test]
async fn labels_follow_opentelemetry() {
    let mut scene = Scene::new(|metrics| metrics).await;
    scene.send("POST /v1/acct/gw/grok/v1/responses", &[], r#"{"model":"grok-4.7"}"#).await;
    scene.send("POST /v1/acct/gw/grok/v1/completions", &[], r#"{"model":"grok-4.7"}"#).await;
    scene.send("POST /only/nosuch/v1/chat", &[], "{}").await;
    let page = scene.page();
    let duration = "gen_ai_client_operation_duration_seconds_count";
    for operation in ["chat", "text_completion"] {
        let labels = [
            ("gen_ai_operation_name", Some(operation)),
            ("gen_ai_provider_name", Some("x_ai")),
            ("gen_ai_request_model", Some("grok-4.7")),
            ("gen_ai_response_model", Some("grok-4.7")),
            ("error_type", None),
            ("ai_gateway_gateway", None),
        ];
        assert_eq!(page.exact(duration, &labels), 1, "{operation}");
    }
    assert_eq!(page.sum(duration, &[]), 2, "what was sent to nobody has no duration");
}

#[tokio::test]
async fn a_hostile_client_creates_no_series() {
    let mut scene = Scene::new(|metrics| metrics.prices(priced())).await;
    scene.chat("missing-0").await;
    let page = scene.page();
    assert_eq!(page.values("gen_ai_request_model"), ["other"]);
    assert_eq!(page.values("gen_ai_response_model"), ["other"]);
    let before = page.samples.len();
    // Names of snapshots are priced as their model; there are any number of them, too.
    for number in 1..100 {
        scene.chat(&format!("missing-{number}")).await;
        scene.chat(&format!("missing-{}-01-07", 2000 + number)).await;
        scene.chat(&format!("missing-v1:{number}")).await;
    }
    let page = scene.page();
    assert_eq!(page.samples.len(), before);
    assert_eq!(page.sum("ai_gateway_requests_ended_total", &[("error_type", "404")]), 298);
}

#[tokio::test]
async fn dated_names_are_learned_from_successful_responses() {
    let mut scene = Scene::new(|metrics| metrics.max_models(2).prices(priced())).await;
    for number in 1..100 {
        scene.chat(&format!("echo-{}-01-07", 2000 + number)).await;
    }
    scene.chat("echo").await;
    scene.chat("echo-alias").await;
    let page = scene.page();
    let known = ["echo", "echo-2001-01-07", "echo-2002-01-07", "echo-alias", "other"];
    assert_eq!(page.values("gen_ai_request_model"), known);
    assert_eq!(page.values("gen_ai_response_model"), known);
}

#[tokio::test]
async fn only_known_models_are_labels() {
    let mut scene = Scene::new(|metrics| metrics.max_models(2).models(["missing-mine"])).await;
    for model in ["missing-mine", "missing-grok", "grok-4.3", "echo-a", "echo-b", "echo-c"] {
        scene.chat(model).await;
    }
    let page = scene.page();
    let known = ["echo-a", "echo-b", "grok-4.3", "missing-mine", "other"];
    assert_eq!(page.values("gen_ai_request_model"), known);
    assert_eq!(page.values("gen_ai_response_model"), known);
    let other = [("gen_ai_response_model", "other")];
    assert_eq!(page.sum("ai_gateway_requests_ended_total", &other), 2, "missing-grok and echo-c");
}

#[tokio::test]
async fn gateways_are_labels_if_enabled_up_to_a_maximum() {
    let mut scene = Scene::new(|metrics| metrics.label_gateways(2)).await;
    for (gateway, model) in
        [("bad", "missing"), ("a", "grok-4.3"), ("b", "grok-4.3"), ("c", "grok-4.3")]
    {
        let line = format!("POST /v1/acct/{gateway}/grok/v1/chat/completions");
        scene.send(&line, &[], &format!(r#"{{"model":"{model}"}}"#)).await;
    }
    let page = scene.page();
    assert_eq!(page.values("ai_gateway_gateway"), ["a", "b", "other"]);
    let gateway = [("ai_gateway_gateway", "a")];
    assert_eq!(page.sum("ai_gateway_cost_ticks_total", &gateway), 1_234_567);
}
