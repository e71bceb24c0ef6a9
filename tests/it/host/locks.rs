//! Whatever control headers a tenant sends, it is billed, logged and served as itself.

use tower_ai_gateway::Identity;
use tower_ai_gateway::log::LogQuery;

use crate::host::scene::{BLUE, CHAT, RED, Scene, UNIFIED};

/// All control headers, with hostile values.
pub(crate) const EVERY_HEADER: [&str; 29] = [
    r#"cf-aig-metadata: {"tenant":"other","subject":"other","team":"other"}"#,
    r#"cf-aig-metadata: {"ten\u0061nt":"other"}"#,
    r#"cf-aig-custom-cost: {"total_cost":0}"#,
    "cf-aig-collect-log: false",
    "cf-aig-collect-log-payload: true",
    "cf-aig-byok-alias: other",
    "cf-aig-event-id: other",
    "cf-aig-gateway-id: other",
    "cf-aig-skip-cache: true",
    "cf-skip-cache: true",
    "cf-aig-cache-ttl: 60",
    "cf-cache-ttl: 60",
    "cf-aig-cache-key: other",
    "cf-aig-max-attempts: 1",
    "cf-aig-retry-delay: 0",
    "cf-aig-backoff: constant",
    "cf-aig-request-timeout: 60000",
    "cf-aig-connect-timeout: 60000",
    "cf-aig-idle-timeout: 60000",
    "cf-aig-total-timeout: 60000",
    "cf-aig-session-id: other",
    "cf-aig-no-session-affinity: true",
    "cf-aig-zdr: true",
    "cf-aig-zdr: false",
    "cf-aig-no-wholesale: false",
    "cf-aig-allowed-models: *, */*",
    "cf-aig-allowed-providers: *",
    "cf-aig-otel-trace-id: 0123456789abcdef0123456789abcdef",
    "cf-aig-otel-parent-span-id: 0123456789abcdef",
];

#[test]
fn the_test_covers_every_control_header() {
    let source = include_str!("../../../src/directives/header.rs");
    let read: Vec<_> = source.split('"').filter(|text| text.starts_with("cf-")).collect();
    assert!(read.len() > 20, "{read:?}");
    for name in read {
        assert!(EVERY_HEADER.iter().any(|line| line.split(':').next() == Some(name)), "{name}");
    }
}

#[tokio::test]
async fn no_control_header_changes_the_tenant_the_log_or_the_cost() {
    let mut scene = Scene::new().await;
    let mut sent = 0;
    for (session, subject) in [(RED, "red/alice"), (BLUE, "blue/bob")] {
        for header in EVERY_HEADER {
            for (line, model) in [(CHAT, "grok-4"), (UNIFIED, "grok/grok-4")] {
                let (answer, identity, _) = scene.ask(line, &[session, header], model).await;
                assert_eq!(answer.status(), 200, "{header}: {}", answer.text());
                assert_eq!(identity.as_ref().map(Identity::subject), Some(subject), "{header}");
                assert_eq!(scene.key(), format!("Bearer sk-LEAK-of-{subject}"), "{header}");
                sent += 1;
            }
        }
    }
    scene.written().await;
    let mut query = LogQuery::default();
    query.limit = Some(200);
    let records = scene.store.query(&query).unwrap().logs;
    assert_eq!(records.len(), sent, "none is hidden");
    for record in records {
        let team = record.subject.as_deref().unwrap().split('/').next().unwrap();
        assert_eq!(record.metadata["tenant"].to_string(), team, "{record:?}");
        assert!(!record.custom_cost && record.cost_ticks.is_none(), "{record:?}");
        assert_eq!((record.request_head, record.response_head), (None, None));
    }
}
