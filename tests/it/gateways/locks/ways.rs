//! Every control header, in each way that it can be sent.

use tower_ai_gateway::settings::CustomCost;

use super::*;

/// A header, a valid value, an invalid one, and a check whether the valid one took effect.
pub(super) struct Control {
    pub(super) name: &'static str,
    pub(super) good: &'static str,
    pub(super) bad: &'static str,
    pub(super) control: Option<ClientControl>,
    pub(super) is_in_force: fn(&Directives) -> bool,
}

pub(super) const fn control(
    control: ClientControl,
    name: &'static str,
    good: &'static str,
    bad: &'static str,
    is_in_force: fn(&Directives) -> bool,
) -> Control {
    Control { name, good, bad, control: Some(control), is_in_force }
}

pub(super) const fn free(
    name: &'static str,
    good: &'static str,
    bad: &'static str,
    is_in_force: fn(&Directives) -> bool,
) -> Control {
    Control { name, good, bad, control: None, is_in_force }
}

/// All `cf-aig-*` headers of a request except the gateway's token, and the two old names.
pub(super) fn every_header() -> Vec<Control> {
    use ClientControl::{
        Cache, CollectLog, CollectLogPayload, CustomCost as Cost, EventId, KeyAlias, Metadata,
        Retry, Session, Timeouts, Trace,
    };
    vec![
        control(Cache, "cf-aig-skip-cache", "true", "yes", |of| of.skip_cache == Some(true)),
        control(Cache, "cf-skip-cache", "true", "1", |of| of.skip_cache == Some(true)),
        control(Cache, "cf-aig-cache-ttl", "60", "1", |of| of.cache_ttl.is_some()),
        control(Cache, "cf-cache-ttl", "60", "x", |of| of.cache_ttl.is_some()),
        control(Cache, "cf-aig-cache-key", "k", "a b", |of| of.cache_key.is_some()),
        control(Retry, "cf-aig-max-attempts", "2", "9", |of| of.max_attempts == Some(2)),
        control(Retry, "cf-aig-retry-delay", "1", "-1", |of| of.retry_delay.is_some()),
        control(Retry, "cf-aig-backoff", "linear", "none", |of| of.backoff.is_some()),
        control(Timeouts, "cf-aig-request-timeout", "9", "0", |of| of.request_timeout.is_some()),
        control(Timeouts, "cf-aig-connect-timeout", "9", "0", |of| of.connect_timeout.is_some()),
        control(Timeouts, "cf-aig-idle-timeout", "9", "0", |of| of.idle_timeout.is_some()),
        control(Timeouts, "cf-aig-total-timeout", "9", "0", |of| of.total_timeout.is_some()),
        control(Metadata, "cf-aig-metadata", r#"{"team":"a"}"#, "[1]", |of| {
            of.metadata.get("team").is_some()
        }),
        control(Cost, "cf-aig-custom-cost", r#"{"total_cost":0}"#, "{}", |of| {
            of.custom_cost == Some(CustomCost::Total(0.0))
        }),
        control(CollectLog, "cf-aig-collect-log", "false", "no", |of| {
            of.collect_log == Some(false)
        }),
        control(CollectLogPayload, "cf-aig-collect-log-payload", "true", "on", |of| {
            of.collect_log_payload == Some(true)
        }),
        control(KeyAlias, "cf-aig-byok-alias", "own", "a b", |of| of.byok_alias.is_some()),
        control(EventId, "cf-aig-event-id", "e-1", "a b", |of| of.event_id.is_some()),
        control(Trace, "cf-aig-otel-trace-id", "0123456789abcdef0123456789abcdef", "1", |of| {
            of.otel_trace_id.is_some()
        }),
        control(Trace, "cf-aig-otel-parent-span-id", "0123456789abcdef", "1", |of| {
            of.otel_parent_span_id.is_some()
        }),
        control(Session, "cf-aig-session-id", "s-1", "a b", |of| of.session_id.is_some()),
        control(Session, "cf-aig-no-session-affinity", "true", "1", |of| {
            of.no_session_affinity == Some(true)
        }),
        free("cf-aig-zdr", "false", "1", |of| of.zdr == Some(false)),
        free("cf-aig-allowed-models", "*, */*, */*/*", "", |_| true),
        free("cf-aig-allowed-providers", "grok", "", |_| true),
        free("cf-aig-no-wholesale", "true", "1", |_| true),
        free("cf-aig-gateway-id", "default", "..", |_| true),
    ]
}

/// The ways to send a header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum By {
    Request(&'static str),
    Entry,
}

pub(super) const WAYS: [By; 5] = [
    By::Request(NATIVE),
    By::Request(UNIFIED),
    By::Request(REST),
    By::Request(UNIVERSAL),
    By::Entry,
];

pub(super) fn an_entry(headers: &Value) -> String {
    entry("grok", "v1/chat/completions", headers, &json!({ "model": "grok-4" }))
}

/// The answer to a request with this header, and the provider's request.
pub(super) async fn send(scene: &Scene, by: By, name: &str, value: &str) -> (Answer, Option<Call>) {
    let answer = match by {
        By::Request(UNIVERSAL) => {
            scene.ask(UNIVERSAL, &[(name, value)], &an_entry(&json!({}))).await
        }
        By::Request(line) => scene.ask(line, &[(name, value)], BODY).await,
        By::Entry => scene.ask(UNIVERSAL, &[], &an_entry(&json!({ name: value }))).await,
    };
    (answer, scene.sent().pop())
}

pub(super) fn warning(answer: &Answer) -> Option<&str> {
    answer.headers.get("cf-aig-warning").map(|value| value.to_str().unwrap())
}

/// Checks that the valid value takes effect and the invalid one is refused.
pub(super) async fn is_heeded(scene: &Scene, by: By, header: &Control) {
    let (answer, sent) = send(scene, by, header.name, header.good).await;
    let what = format!("{by:?} {}: {answer:?}", header.name);
    assert_eq!((answer.status.as_u16(), warning(&answer)), (200, None), "{what}");
    let sent = sent.unwrap();
    assert!((header.is_in_force)(sent.context().directives().unwrap()), "{what}");
    let (answer, sent) = send(scene, by, header.name, header.bad).await;
    answer.refused(400, 2400);
    assert!(sent.is_none(), "{what}");
}

/// Checks that both values are ignored and the client gets a warning.
pub(super) async fn is_passed_over(scene: &Scene, by: By, header: &Control) {
    for value in [header.good, header.bad] {
        let (answer, sent) = send(scene, by, header.name, value).await;
        let what = format!("{by:?} {}: {value}: {answer:?}", header.name);
        assert_eq!(answer.status, 200, "{what}");
        let reported = format!("locked, passed over: {}", header.name);
        assert_eq!(warning(&answer), Some(&*reported), "{what}");
        let sent = sent.unwrap();
        assert!(!(header.is_in_force)(sent.context().directives().unwrap()), "{what}");
        assert!(sent.headers.keys().all(|name| !name.as_str().starts_with("cf-")), "{what}");
    }
}

#[tokio::test]
pub(super) async fn warnings_of_request_and_entry_share_one_value() {
    let scene = scene(|of| of);
    let headers =
        json!({ "cf-aig-collect-log": "false", "cf-aig-metadata": r#"{"a":null,"b":1}"# });
    let outer = [("cf-aig-custom-cost", "{}"), ("cf-aig-collect-log", "x")];
    let answer = scene.ask(UNIVERSAL, &outer, &an_entry(&headers)).await;
    let reported = "locked, passed over: cf-aig-collect-log, cf-aig-custom-cost; \
                cf-aig-metadata: left out a";
    assert_eq!(warning(&answer), Some(reported));
    assert_eq!(answer.headers.get_all("cf-aig-warning").iter().count(), 1);
}
