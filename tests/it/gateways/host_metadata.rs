//! The host's own metadata, and reserved keys that clients cannot set.

use serde_json::json;
use tower_ai_gateway::settings::route::{DynamicRoute, Field, Node};
use tower_ai_gateway::settings::{ClientControl, GatewaySettingsBuilder};

use crate::gateways::scene::{
    Answer, BODY, NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, secret,
};
use crate::support::scripted::Call;

fn scene(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    Scene::with(|of| {
        let of = of.authenticated_elsewhere().key("grok", secret("sk-LEAK-grok"));
        set(of.metadata("tenant", "red").metadata("seats", 7).reserve_metadata("plan"))
    })
}

fn metadata(sent: &Call) -> Vec<String> {
    sent.context().metadata().iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn warning(answer: &Answer) -> Option<&str> {
    answer.headers.get("cf-aig-warning").map(|value| value.to_str().unwrap())
}

fn an_entry(metadata: Option<&str>) -> String {
    let headers = metadata.map_or(json!({}), |json| json!({ "cf-aig-metadata": json }));
    entry("grok", "v1/chat/completions", &headers, &json!({ "model": "grok-4" }))
}

/// The metadata of a request whose client sends this, in each possible way.
async fn by_all_ways(scene: &Scene, said: Option<&str>) -> Vec<(Answer, Vec<String>)> {
    let header = said.map(|json| ("cf-aig-metadata", json));
    let headers = header.as_slice();
    let mut all = Vec::new();
    for (line, headers, body) in [
        (NATIVE, headers, BODY.to_owned()),
        (UNIFIED, headers, BODY.to_owned()),
        (REST, headers, BODY.to_owned()),
        (UNIVERSAL, headers, an_entry(None)),
        (UNIVERSAL, &[], an_entry(said)),
        // The entry's metadata take precedence.
        (UNIVERSAL, &[("cf-aig-metadata", r#"{"tenant":"x"}"#)], an_entry(said)),
    ] {
        let answer = scene.ask(line, headers, &body).await;
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        let sent = scene.sent().pop().unwrap();
        all.push((answer, metadata(&sent)));
    }
    all
}

#[tokio::test]
async fn the_hosts_entries_override_the_clients_and_take_no_room() {
    let scene = scene(|of| of);
    for said in [None, Some("{}"), Some(r#"{"x":null}"#)] {
        for (_, metadata) in by_all_ways(&scene, said).await {
            assert_eq!(metadata, ["tenant=red", "seats=7"], "{said:?}");
        }
    }
    let said = r#"{"a":1,"tenant":"blue","b":1,"plan":"paid","c":1,"d":1,"e":1,"f":1}"#;
    for (answer, metadata) in by_all_ways(&scene, Some(said)).await {
        assert_eq!(metadata, ["tenant=red", "seats=7", "a=1", "b=1", "c=1", "d=1", "e=1"]);
        let reported = "cf-aig-metadata: left out tenant, plan, f";
        assert_eq!(warning(&answer), Some(reported));
    }
    for spelt in [r#"{"ten\u0061nt":"blue"}"#, r#"{"\u0070lan":"paid"}"#] {
        for (answer, metadata) in by_all_ways(&scene, Some(spelt)).await {
            assert_eq!(metadata, ["tenant=red", "seats=7"], "{spelt}");
            assert!(warning(&answer).is_some());
        }
    }
    assert!(scene.hook.ends().iter().all(|end| end.metadata[0] == ("tenant".into(), "red".into())));
}

#[tokio::test]
async fn the_hosts_entries_apply_if_metadata_is_locked() {
    let scene = scene(|of| of.client_controls([ClientControl::Retry]));
    for said in [None, Some("{}"), Some(r#"{"tenant":"blue","a":1}"#), Some("nonsense")] {
        for (_, metadata) in by_all_ways(&scene, said).await {
            assert_eq!(metadata, ["tenant=red", "seats=7"], "{said:?}");
        }
    }
}

#[tokio::test]
async fn the_hosts_entries_apply_to_refused_requests() {
    let scene = scene(|of| of);
    for header in [
        ("cf-aig-metadata", "nonsense"),
        ("cf-aig-max-attempts", "9"),
        ("cf-aig-byok-alias", "none"),
    ] {
        scene.ask(NATIVE, &[header], BODY).await;
        scene.ask(REST, &[header, ("cf-aig-gateway-id", "gw")], BODY).await;
    }
    let ends = scene.hook.ends();
    assert_eq!(ends.len(), 6);
    assert!(ends.iter().all(|end| end.metadata[0] == ("tenant".into(), "red".into())), "{ends:?}");
}

#[tokio::test]
async fn the_clients_entries_override_defaults() {
    let scene =
        scene(|of| of.default_metadata("team", "default").default_metadata("tenant", "default"));
    for (_, metadata) in by_all_ways(&scene, None).await {
        assert_eq!(metadata, ["tenant=red", "seats=7", "team=default"]);
    }
    for (_, metadata) in by_all_ways(&scene, Some(r#"{"a":1}"#)).await {
        assert_eq!(metadata, ["tenant=red", "seats=7", "a=1"], "they are one field");
    }
}

#[tokio::test]
async fn a_client_cannot_claim_a_host_key_of_a_dynamic_route() {
    let route = |key: &str| {
        let is_paid = Field::metadata(key).equals("paid");
        DynamicRoute::builder("r")
            .start("plan")
            .node("plan", Node::when(is_paid, "big", "small"))
            .node("big", Node::model("grok", "big"))
            .node("small", Node::model("grok", "small"))
            .build()
            .unwrap()
    };
    for (key, expected) in [("plan", "small"), ("tenant", "small"), ("team", "big")] {
        let scene = scene(|of| of.route(route(key)));
        let said = format!(r#"{{"{key}":"paid"}}"#);
        let body = r#"{"model":"dynamic/r"}"#;
        let sent = scene.passes(UNIFIED, &[("cf-aig-metadata", &said)], body).await;
        assert_eq!(sent.context().routed_model(), Some(expected), "{key}");
        assert_eq!(metadata(&sent)[..2], ["tenant=red", "seats=7"]);
    }
}
