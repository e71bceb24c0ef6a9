//! What the host itself sets is not locked.

use serde_json::json;
use tower_ai_gateway::settings::route::{DynamicRoute, Node};
use tower_ai_gateway::settings::{CustomCost, LockedHeaders};

use super::scene;
use super::ways::an_entry;
use crate::gateways::scene::{BODY, NATIVE, REST, UNIFIED, UNIVERSAL};

#[tokio::test]
async fn the_hosts_own_directives_are_not_locked() {
    let route = DynamicRoute::builder("r")
        .start("m")
        .node("m", Node::model("grok", "grok-4").attempts(4).key_alias("own"))
        .build()
        .unwrap();
    for choice in [LockedHeaders::Ignore, LockedHeaders::Refuse] {
        let scene = scene(|of| {
            of.client_controls([]).locked_headers(choice).route(route.clone()).defaults(|of| {
                of.max_attempts = Some(3);
                of.byok_alias = Some("own".into());
                of.custom_cost = Some(CustomCost::Total(2.0));
                of.collect_log_payload = Some(true);
            })
        });
        let header = [("cf-aig-max-attempts", "1")];
        let headers = if choice == LockedHeaders::Ignore { &header[..] } else { &[] };
        for line in [NATIVE, UNIFIED, REST] {
            let sent = scene.passes(line, headers, BODY).await;
            assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-own")], "{line}");
            let held = sent.context().directives().unwrap();
            assert_eq!((held.max_attempts, held.collect_log_payload), (Some(3), Some(true)));
            assert_eq!(held.custom_cost, Some(CustomCost::Total(2.0)));
        }
        let sent = scene.passes(UNIVERSAL, headers, &an_entry(&json!({}))).await;
        assert_eq!(sent.context().directives().unwrap().max_attempts, Some(3));
        let sent = scene.passes(UNIFIED, headers, r#"{"model":"dynamic/r"}"#).await;
        assert_eq!(sent.context().directives().unwrap().max_attempts, Some(4));
        assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-own")]);
    }
}

#[tokio::test]
async fn locked_headers_do_not_override_a_dynamic_route() {
    let route = DynamicRoute::builder("r")
        .start("m")
        .node("m", Node::model("grok", "grok-4").attempts(4))
        .build()
        .unwrap();
    let scene = scene(|of| of.client_controls([]).route(route));
    let headers = [("cf-aig-max-attempts", "1"), ("cf-aig-custom-cost", r#"{"total_cost":0}"#)];
    let sent = scene.passes(UNIFIED, &headers, r#"{"model":"dynamic/r"}"#).await;
    let held = sent.context().directives().unwrap();
    assert_eq!((held.max_attempts, held.custom_cost), (Some(4), None));
}
