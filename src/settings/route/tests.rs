//! Mistakes in routes and their nodes are found.

mod reach;

use http::HeaderMap;
use proptest::prelude::*;
use std::time::Duration;

use super::*;
use crate::directives::metadata::Metadata;
use crate::json::scalars::BodyScalars;
use crate::settings::route::node::Kind;

fn big() -> Model {
    Node::model("grok", "grok-4")
}

/// A route whose first node is `start`, and which reaches the models `big` and `small`.
fn with(start: impl Into<Node>) -> RouteBuilder {
    DynamicRoute::builder("support")
        .start("start")
        .node("start", start)
        .node("big", big().fallback("small"))
        .node("small", Node::model("grok", "grok-3-mini"))
}

fn when(condition: Condition) -> RouteBuilder {
    with(Node::when(condition, "big", "small"))
}

#[track_caller]
fn refused(route: RouteBuilder) -> (Option<String>, RouteErrorKind) {
    let error = route.build().unwrap_err();
    (error.node().map(str::to_owned), error.kind().clone())
}

fn yes() -> Condition {
    Field::metadata("plan").equals("paid")
}

#[test]
fn what_was_built_can_be_asked() {
    let route = when(yes()).version("2024.1").build().unwrap();
    assert_eq!((route.name(), route.version()), ("support", "2024.1"));
    assert_eq!(when(yes()).build().unwrap().version(), "1");
    let model = big()
        .timeout(Duration::from_secs(30))
        .attempts(2)
        .retry_delay(Duration::from_secs(1))
        .backoff(crate::directives::Backoff::Linear)
        .key_alias("eu");
    let route = DynamicRoute::builder("a").start("m").node("m", model).build().unwrap();
    let models: Vec<_> = route.models().collect();
    let expected = Model {
        provider: "grok".into(),
        model: "grok-4".into(),
        timeout: Some(Duration::from_secs(30)),
        attempts: Some(2),
        retry_delay: Some(Duration::from_secs(1)),
        backoff: Some(crate::directives::Backoff::Linear),
        key_alias: Some("eu".into()),
        fallback: None,
    };
    assert_eq!(models, [("m", &expected)]);
}

#[test]
fn it_says_what_it_reads_of_the_body() {
    let read = |condition| when(condition).build().unwrap().body_fields();
    assert_eq!(read(yes()), BodyFields::default());
    let nested = Condition::any([
        Condition::not(Field::body(BodyField::User).exists(true)),
        Condition::all([Field::body(BodyField::Stream).equals(true)]),
    ]);
    let mut expected = BodyFields::default();
    expected.insert(BodyField::User);
    expected.insert(BodyField::Stream);
    assert_eq!(read(nested), expected);
}

#[test]
fn mistakes_of_the_route_are_refused() {
    use RouteErrorKind::*;
    let named = |name: &str| DynamicRoute::builder(name).start("m").node("m", big());
    let bare = DynamicRoute::builder("support");
    let many = (0..65).fold(bare.clone().start("0"), |route, n| route.node(n.to_string(), big()));
    for (route, kind) in [
        (named(""), RouteName),
        (named("a b"), RouteName),
        (named("a@1"), RouteName),
        (named("a/b"), RouteName),
        (named(".."), RouteName),
        (named(&"a".repeat(65)), RouteName),
        (named("a").version("a@b"), Version { version: "a@b".into() }),
        (named("a").version(""), Version { version: "".into() }),
        (bare.clone().node("m", big()), NoStart),
        (bare.clone().start("m"), MissingStart { start: "m".into() }),
        (bare.clone().start("x").node("m", big()), MissingStart { start: "x".into() }),
        (bare.clone().start("end").node("end", Node::end()), NoModel),
        (many, TooManyNodes { nodes: 65 }),
    ] {
        assert_eq!(refused(route), (None, kind));
    }
    let most = (0..64).fold(bare.start("0"), |route, n| {
        let model = if n < 63 { big().fallback((n + 1).to_string()) } else { big() };
        route.node(n.to_string(), model)
    });
    assert_eq!(most.build().unwrap().models().count(), 64);
}

#[test]
fn mistakes_of_nodes_are_refused() {
    use RouteErrorKind::*;
    let missing = || MissingTarget { target: "gone".into() };
    let split = |shares: &[u8]| with(Node::split(shares.iter().map(|of| (*of, "big")), "small"));
    let by = |key: &str| with(Node::split_by(Field::metadata(key), [(1, "big")], "small"));
    let by_label =
        |name: &str| with(Node::split_by(Field::identity_label(name), [(1, "big")], "small"));
    let too_long = format!("identity.label.{}", "a".repeat(65));
    let model = |change: fn(node::Model) -> node::Model| with(change(big().fallback("big")));
    let malformed = |provider: &str| with(Node::model(provider, "m").fallback("big"));
    let named = |model: &str| with(Node::model("grok", model).fallback("big"));
    for (node, route, kind) in [
        ("", when(yes()).node("", big()), NodeName),
        ("a b", when(yes()).node("a b", big()), NodeName),
        ("big", when(yes()).node("big", big()), DuplicateNode),
        ("start", with(Node::when(yes(), "gone", "big")), missing()),
        ("start", with(Node::when(yes(), "big", "gone")), missing()),
        ("start", with(Node::split([(1, "gone")], "big")), missing()),
        ("start", with(Node::split([(1, "big")], "gone")), missing()),
        ("start", with(big().fallback("gone")), missing()),
        ("alone", when(yes()).node("alone", big()), Unreachable),
        ("start", with(big().fallback("start")), Loop),
        ("loop", with(big().fallback("loop")).node("loop", big().fallback("loop")), Loop),
        (
            "a",
            with(big().fallback("a")).node("a", big().fallback("b")).node("b", big().fallback("a")),
            Loop,
        ),
        ("start", split(&[]), ShareCount { shares: 0 }),
        ("start", split(&[1; 6]), ShareCount { shares: 6 }),
        ("start", split(&[50, 51]), ShareSum { percent: 101 }),
        ("start", split(&[255; 5]), ShareSum { percent: 1275 }),
        ("start", split(&[50, 0]), ZeroShare { target: "big".into() }),
        ("start", by(""), SplitKey { key: "metadata.".into() }),
        ("start", by("cf.x"), SplitKey { key: "metadata.cf.x".into() }),
        ("start", by_label(""), SplitKey { key: "identity.label.".into() }),
        ("start", by_label("a-b"), SplitKey { key: "identity.label.a-b".into() }),
        ("start", by_label(&"a".repeat(65)), SplitKey { key: too_long.into() }),
        ("start", malformed(""), Provider { provider: "".into() }),
        ("start", malformed("Grok"), Provider { provider: "Grok".into() }),
        ("start", malformed("dynamic"), Provider { provider: "dynamic".into() }),
        ("start", named(""), Model),
        ("start", named("a\nb"), Model),
        ("start", named(&"m".repeat(257)), Model),
        ("start", model(|model| model.timeout(Duration::ZERO)), Timeout),
        ("start", model(|model| model.timeout(Duration::from_millis(3_600_001))), Timeout),
        ("start", model(|model| model.attempts(0)), Attempts { attempts: 0 }),
        ("start", model(|model| model.attempts(6)), Attempts { attempts: 6 }),
        ("start", model(|model| model.retry_delay(Duration::from_millis(5001))), RetryDelay),
        ("start", model(|model| model.key_alias("a b")), KeyAlias),
    ] {
        assert_eq!(refused(route), (Some(node.to_owned()), kind));
    }
    for sound in [
        split(&[100]),
        split(&[20; 5]),
        by("user_id"),
        by_label("team"),
        with(Node::split_by(Field::identity_subject(), [(1, "big")], "small")),
        model(|model| model.timeout(Duration::from_secs(3600)).attempts(5)),
        model(|model| model.timeout(Duration::from_millis(1)).attempts(1)),
        model(|model| model.retry_delay(Duration::from_secs(5)).key_alias("eu-1")),
        named("openai/gpt-oss \u{e9}"),
        // Two paths to one node are not a loop.
        with(Node::when(yes(), "small", "big")),
        when(yes()).node("end", Node::end()),
    ] {
        sound.build().unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn conditions_that_cannot_be_used_are_refused() {
    let header = |name: &str| Field::header(name).exists(true);
    let metadata = |key: &str| Field::metadata(key).exists(true);
    let body = Field::body;
    let none: [&str; 0] = [];
    let deep = |depth| (0..depth).fold(yes(), |condition, _| Condition::not(condition));
    use BodyField::{MaxTokens, Model, Stream};
    for (field, condition) in [
        ("metadata.", metadata("")),
        ("metadata.cf.ip", metadata("cf.ip")),
        ("headers.", header("")),
        ("headers.a b", header("a b")),
        ("headers.authorization", header("Authorization")),
        ("headers.x-api-key", header("x-api-key")),
        ("headers.api-key", header("api-key")),
        ("headers.x-goog-api-key", header("x-goog-api-key")),
        ("headers.xi-api-key", header("xi-api-key")),
        ("headers.cookie", header("cookie")),
        ("headers.proxy-authorization", header("proxy-authorization")),
        ("headers.proxy-anything", header("proxy-anything")),
        ("headers.x-authorization", header("x-authorization")),
        ("headers.cf-aig-authorization", header("cf-aig-authorization")),
        ("headers.cf-aig-metadata", header("CF-AIG-Metadata")),
        ("headers.cf_aig_authorization", header("cf_aig_authorization")),
        ("headers.cf_aig_metadata", header("cf_aig_metadata")),
        ("metadata.a", Field::metadata("a").one_of(none)),
        ("metadata.a", Field::metadata("a").starts_with("")),
        ("metadata.a", Field::metadata("a").less(f64::NAN)),
        ("metadata.a", Field::metadata("a").greater_or_equal(f64::INFINITY)),
        ("metadata.a", Field::metadata("a").equals(f64::NAN)),
        ("metadata.a", Field::metadata("a").one_of([1.0, f64::NAN])),
        ("body.stream", body(Stream).equals("true")),
        ("body.stream", body(Stream).less(1)),
        ("body.model", body(Model).not_equals(true)),
        ("body.model", body(Model).greater(1)),
        ("body.max_tokens", body(MaxTokens).starts_with("1")),
        ("body.max_tokens", body(MaxTokens).one_of(["1"])),
        ("", Condition::all([])),
        ("", Condition::any([yes(), Condition::any([])])),
        ("", deep(16)),
        ("metadata.", Condition::all([yes(), Condition::not(metadata(""))])),
    ] {
        let text = format!("{condition:?}");
        let (node, kind) = refused(when(condition));
        assert_eq!(node.as_deref(), Some("start"));
        let RouteErrorKind::Condition { field: named, .. } = kind else { panic!("{kind:?}") };
        assert_eq!(&*named, field, "{text}");
    }
    for sound in [deep(15), header("x-tier"), header("user-agent"), metadata("a.b"), metadata("cf")]
    {
        when(sound).build().unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn errors_name_the_route_and_the_node() {
    let error = when(Field::header("cookie").equals("s3cr3t")).build().unwrap_err();
    assert_eq!((error.route(), error.node()), ("support", Some("start")));
    assert_eq!(
        error.to_string(),
        "dynamic route `support`, node `start`: its condition on `headers.cookie` cannot be used: \
         headers with credentials, and the gateway's own, cannot be read"
    );
    let error = with(big().fallback("gone")).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "dynamic route `support`, node `start`: it leads to `gone`, which is not a node of the route"
    );
    let error = DynamicRoute::builder("support").build().unwrap_err();
    assert_eq!(error.to_string(), "dynamic route `support`: it does not say which node is first");
    let error = with(big().fallback("big").key_alias("sk secret")).build().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}
