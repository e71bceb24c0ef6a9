//! Defaults of control headers, and their precedence.

use std::time::Duration;

use serde_json::json;
use tower_ai_gateway::settings::{
    Backoff, ClientControl, CustomCost, Directives, GatewaySettings, SettingsError, Timeouts,
};
use tower_ai_gateway::usage::CostSource;

use crate::gateways::scene::{BODY, NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, secret};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn defaults(of: &mut Directives) {
    of.request_timeout = Some(MS(1_001));
    of.connect_timeout = Some(MS(1_002));
    of.idle_timeout = Some(MS(1_003));
    of.total_timeout = Some(MS(1_004));
    of.max_attempts = Some(2);
    of.retry_delay = Some(MS(5));
    of.backoff = Some(Backoff::Linear);
    of.skip_cache = Some(true);
    of.cache_ttl = Some(Duration::from_secs(60));
    of.cache_key = Some("key".into());
    of.custom_cost = Some(CustomCost::Total(2.0));
    of.collect_log = Some(false);
    of.collect_log_payload = Some(true);
    of.byok_alias = Some("team".into());
    of.otel_trace_id = Some(7);
    of.otel_parent_span_id = Some(8);
}

fn scene() -> Scene {
    Scene::with(|of| {
        of.authenticated_elsewhere()
            .key_as("grok", "team", secret("sk-LEAK-team"))
            .key_as("grok", "own", secret("sk-LEAK-own"))
            .default_metadata("team", "default")
            .client_controls(ClientControl::ALL)
            .defaults(defaults)
    })
}

const HEADERS: [(&str, &str); 16] = [
    ("cf-aig-request-timeout", "1"),
    ("cf-aig-connect-timeout", "2"),
    ("cf-aig-idle-timeout", "3"),
    ("cf-aig-total-timeout", "4"),
    ("cf-aig-max-attempts", "5"),
    ("cf-aig-retry-delay", "6"),
    ("cf-aig-backoff", "constant"),
    ("cf-aig-skip-cache", "false"),
    ("cf-aig-cache-ttl", "0"),
    ("cf-aig-cache-key", "other"),
    ("cf-aig-custom-cost", r#"{"total_cost":1}"#),
    ("cf-aig-collect-log", "true"),
    ("cf-aig-collect-log-payload", "false"),
    ("cf-aig-byok-alias", "own"),
    ("cf-aig-otel-trace-id", "00000000000000000000000000000009"),
    ("cf-aig-otel-parent-span-id", "000000000000000a"),
];

/// All comparable settings with their names.
fn shown(directives: &Directives) -> Vec<(&'static str, String)> {
    let Directives {
        request_timeout,
        connect_timeout,
        idle_timeout,
        total_timeout,
        max_attempts,
        retry_delay,
        backoff,
        skip_cache,
        cache_ttl,
        cache_key,
        custom_cost,
        collect_log,
        collect_log_payload,
        byok_alias,
        otel_trace_id,
        otel_parent_span_id,
        ..
    } = directives;
    vec![
        ("cf-aig-request-timeout", format!("{request_timeout:?}")),
        ("cf-aig-connect-timeout", format!("{connect_timeout:?}")),
        ("cf-aig-idle-timeout", format!("{idle_timeout:?}")),
        ("cf-aig-total-timeout", format!("{total_timeout:?}")),
        ("cf-aig-max-attempts", format!("{max_attempts:?}")),
        ("cf-aig-retry-delay", format!("{retry_delay:?}")),
        ("cf-aig-backoff", format!("{backoff:?}")),
        ("cf-aig-skip-cache", format!("{skip_cache:?}")),
        ("cf-aig-cache-ttl", format!("{cache_ttl:?}")),
        ("cf-aig-cache-key", format!("{cache_key:?}")),
        ("cf-aig-custom-cost", format!("{custom_cost:?}")),
        ("cf-aig-collect-log", format!("{collect_log:?}")),
        ("cf-aig-collect-log-payload", format!("{collect_log_payload:?}")),
        ("cf-aig-byok-alias", format!("{byok_alias:?}")),
        ("cf-aig-otel-trace-id", format!("{otel_trace_id:?}")),
        ("cf-aig-otel-parent-span-id", format!("{otel_parent_span_id:?}")),
    ]
}

#[tokio::test]
async fn a_header_overrides_each_default() {
    let scene = scene();
    let mut wanted = Directives::default();
    defaults(&mut wanted);
    let wanted = shown(&wanted);
    for line in [NATIVE, UNIFIED, REST] {
        let sent = scene.passes(line, &[], BODY).await;
        assert_eq!(shown(sent.context().directives().unwrap()), wanted, "{line}");
        assert_eq!(sent.context().metadata().get("team").unwrap().to_string(), "default");
        for (at, header) in HEADERS.into_iter().enumerate() {
            let sent = scene.passes(line, &[header], BODY).await;
            let got = shown(sent.context().directives().unwrap());
            for (place, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
                assert_eq!(got != wanted, place == at, "{line} {header:?} {got:?}");
            }
            assert_eq!(sent.context().metadata().get("team").unwrap().to_string(), "default");
        }
        let sent = scene.passes(line, &[("cf-aig-metadata", r#"{"user":"u"}"#)], BODY).await;
        let metadata: Vec<_> = sent.context().metadata().iter().map(|(key, _)| key).collect();
        assert_eq!(metadata, ["user"], "metadata are one field");
    }
}

#[tokio::test]
async fn defaults_take_effect() {
    let scene = scene();
    let sent = scene.passes(NATIVE, &[], BODY).await;
    assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-team")]);
    let end = scene.hook.end();
    assert_eq!((end.cost.unwrap().usd(), end.cost.unwrap().source), (2.0, CostSource::Custom));
    let trace = end.trace.unwrap();
    assert_eq!(trace.trace_id, 7);
    let sent = scene.passes(NATIVE, &HEADERS, BODY).await;
    assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-own")]);
    assert_eq!(scene.hook.ends()[1].cost.unwrap().usd(), 1.0);
}

#[tokio::test]
async fn an_entry_overrides_the_request_and_the_request_the_gateway() {
    let scene = scene();
    let attempts = |config: u64, header: Option<&str>| {
        let headers = header.map_or(json!({}), |value| json!({ "cf-aig-max-attempts": value }));
        let mut entries: Vec<serde_json::Value> =
            serde_json::from_str(&entry("grok", "x", &headers, &json!({}))).unwrap();
        if config > 0 {
            entries[0]["config"] = json!({ "maxAttempts": config });
        }
        serde_json::to_string(&entries).unwrap()
    };
    for (body, headers, expected) in [
        (attempts(5, Some("4")), &[("cf-aig-max-attempts", "3")][..], 5),
        (attempts(0, Some("4")), &[("cf-aig-max-attempts", "3")], 4),
        (attempts(0, None), &[("cf-aig-max-attempts", "3")], 3),
        (attempts(0, None), &[], 2),
    ] {
        let sent = scene.passes(UNIVERSAL, headers, &body).await;
        let directives = sent.context().directives().unwrap();
        assert_eq!(directives.max_attempts, Some(expected), "{body}");
        assert_eq!(directives.backoff, Some(Backoff::Linear), "the rest is the gateway's");
    }
}

#[tokio::test]
async fn timeouts_of_the_request_override_the_providers_and_these_the_gateways() {
    let of_gateway = Timeouts::default().head(MS(10)).idle(MS(20)).total(MS(30)).connect(MS(40));
    let of_grok = Timeouts::default().head(MS(11)).idle(MS(21));
    let scene = Scene::with(|of| of.timeouts(of_gateway).provider_timeouts("xai", of_grok));
    let sent = scene.passes(NATIVE, &[("cf-aig-request-timeout", "12")], BODY).await;
    let expected = of_gateway.head(MS(12)).idle(MS(21));
    assert_eq!(sent.context().timeouts(), expected);
    let sent = scene.passes(UNIFIED, &[], BODY).await;
    assert_eq!(sent.context().timeouts(), of_gateway.head(MS(11)).idle(MS(21)));
    let sent = scene.passes("POST /v1/acct/gw/openai/x", &[], BODY).await;
    assert_eq!(sent.context().timeouts(), of_gateway);
}

#[test]
fn defaults_outside_the_ranges_of_their_headers_are_refused() {
    let build = |set: fn(&mut Directives)| GatewaySettings::builder().defaults(set).build();
    for wrong in [
        build(|of| of.max_attempts = Some(0)),
        build(|of| of.retry_delay = Some(MS(5_001))),
        build(|of| of.request_timeout = Some(Duration::ZERO)),
        build(|of| of.cache_key = Some("a b".into())),
        build(|of| of.byok_alias = Some("a/b".into())),
        build(|of| of.gateway_id = Some("other".into())),
    ] {
        assert!(matches!(wrong, Err(SettingsError::OutOfRange { .. })), "{wrong:?}");
    }
}
