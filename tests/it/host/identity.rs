//! The host's identity of the caller, wherever it is used.

use tower_ai_gateway::Identity;
use tower_ai_gateway::log::{LogQuery, SummaryQuery};

use crate::host::scene::{BLUE, CHAT, HOSTILE, RED, Scene, UNIFIED};
use crate::support::collector::object;

fn subject(identity: Option<&Identity>) -> Option<&str> {
    identity.map(Identity::subject)
}

#[tokio::test]
async fn no_header_sets_or_erases_an_identity() {
    let mut scene = Scene::new().await;
    for (session, expected) in [(RED, "red/alice"), (BLUE, "blue/bob"), ("x-session: none", "")] {
        let expected = Some(expected).filter(|subject| !subject.is_empty());
        for header in HOSTILE {
            let (answer, identity, _) = scene.ask(CHAT, &[session, header], "grok-4").await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            assert_eq!(subject(identity.as_ref()), expected, "{header}");
            let key = format!("Bearer sk-LEAK-of-{}", expected.unwrap_or("nobody"));
            assert_eq!(scene.key(), key, "{header}");
        }
    }
    let (_, identity, _) = scene.ask(CHAT, &[RED], "grok-4").await;
    let identity = identity.unwrap();
    assert_eq!((identity.label("team"), identity.is_in("red")), (Some("red"), true));
    // It belongs to the host and must not reach the provider.
    for request in scene.provider.requests() {
        assert!(!request.text().contains("x-session"), "{}", request.text());
    }
}

#[tokio::test]
async fn settings_and_keys_depend_only_on_the_identity() {
    let mut scene = Scene::new().await;
    for (session, settings, key) in [
        (RED, "red", "red/alice"),
        (BLUE, "blue", "blue/bob"),
        ("x-session: red-2", "red", "red/anna"),
        ("accept: */*", "anonymous", "nobody"),
        (RED, "red", "red/alice"),
        (BLUE, "blue", "blue/bob"),
    ] {
        let (_, _, own) = scene.ask(CHAT, &[session], "grok-4").await;
        assert_eq!((own.as_str(), scene.key()), (settings, format!("Bearer sk-LEAK-of-{key}")));
    }
    let asked = scene.asked.lock().unwrap().clone();
    let asked: Vec<_> = asked.iter().map(|query| subject(query.identity.as_ref())).collect();
    let expected = [Some("red/alice"), Some("blue/bob"), Some("red/anna"), None];
    assert_eq!(asked, expected, "each once: what was fetched is kept");
}

#[tokio::test]
async fn unscoped_keys_are_fetched_once_and_without_an_identity() {
    let mut scene = Scene::with_shared_keys().await;
    for session in [RED, BLUE, "x-session: none"] {
        scene.ask(CHAT, &[session], "grok-4").await;
        assert_eq!(scene.key(), "Bearer sk-LEAK-of-nobody");
    }
    let asked = scene.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].identity, None);
}

#[tokio::test]
async fn dynamic_routes_use_the_identity_and_not_a_clients_claims() {
    let mut scene = Scene::new().await;
    for (headers, model) in [
        (&[RED][..], "grok-4"),
        (&[BLUE], "grok-3-mini"),
        (&[BLUE, HOSTILE[0]], "grok-3-mini"),
        (&[RED, r#"cf-aig-metadata: {"plan":"free"}"#], "grok-4"),
        (&[HOSTILE[0]], "grok-3-mini"),
    ] {
        let (answer, ..) = scene.ask(UNIFIED, headers, "dynamic/best").await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let sent = scene.provider.requests().pop().unwrap().json();
        assert_eq!(sent["model"], model, "{headers:?}");
    }
}

#[tokio::test]
async fn records_are_found_and_summed_by_subject_and_label() {
    let mut scene = Scene::new().await;
    for headers in [&[RED][..], &[RED], &["x-session: red-2"], &[BLUE, HOSTILE[0]], &[HOSTILE[0]]] {
        scene.ask(CHAT, headers, "grok-4").await;
    }
    scene.written().await;
    let query = |set: &dyn Fn(&mut LogQuery)| {
        let mut query = LogQuery::default();
        set(&mut query);
        scene.store.query(&query).unwrap().logs
    };
    let label = |value: &str| vec![("team".to_owned(), value.to_owned())];
    let all = query(&|_| {});
    assert_eq!(all.len(), 5);
    let red = query(&|query| query.subject = Some("red/alice".to_owned()));
    assert_eq!(red.len(), 2);
    assert!(red.iter().all(|record| record.groups == ["red"] && record.labels["plan"] == "paid"));
    assert_eq!(query(&|query| query.labels = label("red")).len(), 3);
    let blue = query(&|query| query.labels = label("blue"));
    assert_eq!(blue.len(), 1);
    assert_eq!(blue[0].subject.as_deref(), Some("blue/bob"));
    assert_eq!(blue[0].metadata["subject"].to_string(), "red/alice", "which is but a claim");
    let both = query(&|query| {
        query.labels = label("red");
        query.subject = Some("blue/bob".to_owned());
    });
    assert!(both.is_empty());
    // A record without an identity has no such fields.
    let anonymous = all.iter().find(|record| record.subject.is_none()).unwrap();
    let json = serde_json::to_value(anonymous).unwrap();
    assert!(["subject", "groups", "labels"].iter().all(|name| json.get(name).is_none()), "{json}");

    let now = jiff::Timestamp::now();
    let hour = jiff::SignedDuration::from_hours(1);
    let mut sums = SummaryQuery::new(now - hour, now + hour, std::time::Duration::from_secs(7200));
    sums.by_label = Some("team".to_owned());
    let summary = scene.store.summary(&sums).unwrap();
    let subjects: Vec<_> =
        summary.subjects.iter().map(|of| (of.subject.as_str(), of.totals.requests)).collect();
    assert_eq!(subjects[0], ("red/alice", 2));
    assert_eq!((subjects.len(), summary.totals.requests), (3, 5));
    let labels: Vec<_> =
        summary.labels.iter().map(|of| (of.value.as_str(), of.totals.requests)).collect();
    assert_eq!(labels, [("red", 3), ("blue", 1)]);
    sums.subject = Some("red/alice".to_owned());
    sums.labels = label("red");
    let summary = scene.store.summary(&sums).unwrap();
    assert_eq!((summary.totals.requests, summary.labels.len()), (2, 1));
}

#[tokio::test]
async fn metrics_have_only_the_metric_labels_of_an_identity() {
    let mut scene = Scene::new().await;
    for headers in [&[RED][..], &["x-session: red-2"], &[BLUE, HOSTILE[0]], &[HOSTILE[0]]] {
        scene.ask(CHAT, headers, "grok-4").await;
    }
    let page = scene.page();
    let ended = "ai_gateway_requests_ended_total";
    let plan = |plan| page.exact(ended, &[("ai_gateway_identity_label_plan", plan)]);
    assert_eq!([Some("paid"), Some("free"), None].map(plan), [2, 1, 1]);
    for sample in &page.samples {
        for (name, value) in &sample.labels {
            assert!(!value.contains("red") && !value.contains("bob"), "{name}={value}");
        }
    }
}

#[tokio::test]
async fn spans_have_the_subject_as_enduser_id() {
    let mut scene = Scene::new().await;
    for headers in [&[RED][..], &[BLUE, HOSTILE[0]], &[HOSTILE[0]]] {
        scene.ask(CHAT, headers, "grok-4").await;
    }
    let spans = scene.spans().await;
    let seen: Vec<_> = spans
        .into_iter()
        .map(|mut span| {
            // A list, which is not a label.
            span.attributes.retain(|attribute| attribute.key != "ai_gateway.identity.groups");
            let attributes = object(&span.attributes);
            ["enduser.id", "ai_gateway.identity.label.team", "ai_gateway.identity.label.plan"]
                .map(|key| attributes.get(key).and_then(|value| value.as_str().map(str::to_owned)))
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        seen,
        [
            [some("red/alice"), some("red"), some("paid")],
            [some("blue/bob"), some("blue"), some("free")],
            [None, None, None],
        ]
    );
}
