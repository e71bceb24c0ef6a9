//! The models that a route leads to, and the shares of its splits.

use super::*;
use crate::directives::metadata::Metadata;
use crate::json::flat::Scalar;
use crate::json::scalars::{BodyField, BodyScalars};
use crate::settings::route::{Field, Node, RouteBuilder};
use crate::util::identity::Identity;
use http::HeaderMap;

/// The names of the nodes that a request with this metadata tries.
fn chain(route: &DynamicRoute, metadata: &str) -> Vec<String> {
    chain_of(route, metadata, &BodyScalars::default())
}

fn chain_of(route: &DynamicRoute, metadata: &str, body: &BodyScalars) -> Vec<String> {
    chain_for(route, None, metadata, body)
}

fn chain_for(
    route: &DynamicRoute,
    identity: Option<&Identity>,
    metadata: &str,
    body: &BodyScalars,
) -> Vec<String> {
    let (metadata, _) = Metadata::parse(metadata.as_bytes(), |_| false).unwrap();
    let facts = Facts { identity, metadata: &metadata, headers: &HeaderMap::new(), body };
    route.resolve(&facts).iter().map(|choice| choice.node.to_owned()).collect()
}

fn with_models<const N: usize>(route: RouteBuilder, models: [&str; N]) -> DynamicRoute {
    let add = |route: RouteBuilder, name: &&str| route.node(*name, Node::model("grok", *name));
    models.iter().fold(route, add).build().unwrap()
}

#[test]
fn a_way_is_a_chain_of_models() {
    let paid = Field::metadata("plan").equals("paid");
    let short = Field::body(BodyField::MaxTokens).less(100);
    let route = DynamicRoute::builder("support")
        .start("paid")
        .node("paid", Node::when(paid, "big", "short"))
        .node("short", Node::when(short, "stop", "small"))
        .node("big", Node::model("grok", "grok-4").fallback("again"))
        // A condition after a model decides its fallback.
        .node("again", Node::when(Field::metadata("vip").equals(true), "other", "small"))
        .node("other", Node::model("openai", "gpt").fallback("small"))
        .node("small", Node::model("grok", "grok-3-mini").fallback("stop"))
        .node("stop", Node::end())
        .build()
        .unwrap();
    for (metadata, expected) in [
        (r#"{"plan":"paid"}"#, &["big", "small"][..]),
        (r#"{"plan":"paid","vip":true}"#, &["big", "other", "small"]),
        (r#"{"plan":"free","vip":true}"#, &["small"]),
        ("{}", &["small"]),
    ] {
        assert_eq!(chain(&route, metadata), expected, "{metadata}");
    }
    let mut body = BodyScalars::default();
    body.set(BodyField::MaxTokens, Some(Scalar::Number(99.0)));
    assert_eq!(chain_of(&route, "{}", &body), [""; 0], "it ends before a model");
    assert_eq!(chain_of(&route, r#"{"plan":"paid"}"#, &body), ["big", "small"]);
}

#[test]
fn places_of_values_stay_what_they_are() {
    for (route, node, value, expected) in [
        ("support", "split", "user-1", 4600),
        ("support", "split", "user-2", 6613),
        ("support", "split", "42", 5028),
        ("support", "split", "", 163),
        ("support", "split", "\u{e9}\0", 7710),
        ("support", "split", "true", 6977),
        ("support", "other", "user-1", 5378),
        ("sales", "split", "user-1", 8933),
    ] {
        assert_eq!(place(route, node, value), expected, "{route} {node} {value}");
    }
}

fn split(version: &str, split: Node) -> DynamicRoute {
    let route =
        DynamicRoute::builder("support").version(version).start("split").node("split", split);
    with_models(route, ["a", "b", "c"])
}

fn first(route: &DynamicRoute, metadata: &str) -> String {
    let chain = chain(route, metadata);
    assert_eq!(chain.len(), 1);
    chain[0].clone()
}

#[test]
fn a_value_goes_the_way_of_its_place() {
    let by_id = |shares| Node::split_by(Field::metadata("id"), shares, "c");
    // `user-1` is at 46.00 percent, `42` at 50.28.
    for (shares, user_1, user_42) in [
        ([46, 1], "b", "c"),
        ([47, 1], "a", "c"),
        ([1, 45], "c", "c"),
        ([1, 46], "b", "c"),
        ([50, 1], "a", "b"),
        ([51, 1], "a", "a"),
        ([47, 53], "a", "b"),
    ] {
        let [to_a, to_b] = shares;
        for version in ["1", "2"] {
            let route = split(version, by_id([(to_a, "a"), (to_b, "b")]));
            assert_eq!(first(&route, r#"{"id":"user-1"}"#), user_1, "{shares:?}");
            assert_eq!(first(&route, r#"{"id":"42"}"#), user_42, "{shares:?}");
            assert_eq!(first(&route, r#"{"id":42}"#), user_42, "{shares:?}");
        }
    }
}

/// Where a caller with this subject and team goes.
fn way(route: &DynamicRoute, identity: (&str, Option<&str>), metadata: &str) -> String {
    let (subject, team) = identity;
    let identity = Identity::builder(subject);
    let identity = team.map_or(identity.clone(), |team| identity.label("team", team));
    let identity = identity.build().unwrap();
    chain_for(route, Some(&identity), metadata, &BodyScalars::default()).remove(0)
}

#[test]
fn a_caller_goes_the_way_of_its_place_whatever_the_metadata_claim() {
    let to = |by| split("1", Node::split_by(by, [(46, "a"), (1, "b")], "c"));
    let by_subject = to(Field::identity_subject());
    let by_team = to(Field::identity_label("team"));
    // `user-1` is at 46.00 percent, `42` at 50.28.
    for claim in 0..500 {
        let metadata = format!(
            r#"{{"subject":"{claim}","team":"{claim}","identity.subject":"{claim}","user_id":{claim}}}"#
        );
        assert_eq!(way(&by_subject, ("user-1", Some("42")), &metadata), "b");
        assert_eq!(way(&by_subject, ("42", None), &metadata), "c");
        assert_eq!(way(&by_team, ("user-1", Some("42")), &metadata), "c");
        assert_eq!(way(&by_team, ("42", Some("user-1")), &metadata), "b");
        let other = format!("user-{claim}");
        assert_eq!(way(&by_team, (&other, Some("user-1")), &metadata), "b", "a team goes one way");
    }
}

/// How many of 100,000 requests go to a, b and c.
fn counts(route: &DynamicRoute, metadata: impl Fn(u32) -> String) -> [u32; 3] {
    let mut counts = [0; 3];
    for id in 0..100_000 {
        let way = first(route, &metadata(id));
        let place = ["a", "b", "c"].iter().position(|name| *name == way);
        counts[place.unwrap()] += 1;
    }
    counts
}

#[track_caller]
fn assert_near(counts: [u32; 3], percents: [u32; 3]) {
    for (count, percent) in counts.iter().zip(percents) {
        assert!(count.abs_diff(percent * 1000) < 1000, "{counts:?} for {percents:?}");
    }
}

#[test]
fn shares_of_many_ids_are_what_they_say() {
    let node = Node::split_by(Field::metadata("id"), [(10, "a"), (33, "b")], "c");
    let by_id = split("1", node);
    assert_near(counts(&by_id, |id| format!(r#"{{"id":"user-{id}"}}"#)), [10, 33, 57]);
    assert_near(counts(&by_id, |id| format!(r#"{{"id":{id}}}"#)), [10, 33, 57]);
}

#[test]
fn without_the_entry_it_is_chance() {
    fastrand::seed(7);
    let by_id = Node::split_by(Field::metadata("id"), [(10, "a"), (33, "b")], "c");
    assert_near(counts(&split("1", by_id), |_| "{}".to_owned()), [10, 33, 57]);
    let by_chance = split("1", Node::split([(60, "a"), (40, "b")], "c"));
    let counts = counts(&by_chance, |_| r#"{"id":"user-1"}"#.to_owned());
    assert_near(counts, [60, 40, 0]);
    assert_eq!(counts[2], 0);
}

#[test]
fn without_the_identity_or_its_label_it_is_chance() {
    fastrand::seed(7);
    let to = |by| split("1", Node::split_by(by, [(10, "a"), (33, "b")], "c"));
    let by_subject = to(Field::identity_subject());
    let by_team = to(Field::identity_label("team"));
    let claim = |_| r#"{"subject":"user-1","team":"red","identity.subject":"user-1"}"#.to_owned();
    assert_near(counts(&by_subject, claim), [10, 33, 57]);
    assert_near(counts(&by_team, claim), [10, 33, 57]);
    let ways = (0..1000).map(|_| way(&by_team, ("user-1", None), "{}"));
    let ways: std::collections::BTreeSet<_> = ways.collect();
    assert_eq!(ways.len(), 3, "an identity without the label is no key");
}

#[test]
fn a_first_share_that_grows_keeps_what_it_has() {
    let routes = [10, 20, 50, 99].map(|percent| {
        split("1", Node::split_by(Field::metadata("id"), [(percent, "a"), (1, "b")], "c"))
    });
    for id in 0..1000 {
        let metadata = format!(r#"{{"id":"user-{id}"}}"#);
        let ways: Vec<_> = routes.iter().map(|route| first(route, &metadata)).collect();
        let joined = ways.iter().position(|way| way == "a").unwrap_or(ways.len());
        assert!(ways[joined..].iter().all(|way| way == "a"), "{metadata}");
    }
}

#[cfg(feature = "limits")]
#[test]
fn both_branches_of_a_limit_follow_one_another_and_one_is_under_it() {
    let model = |name: &str| Node::model("grok", name);
    let route = DynamicRoute::builder("r")
        .start("outer")
        .node("outer", Node::limit("a", "inner", "last"))
        .node("inner", Node::limit("b", "big", "middle"))
        .node("big", model("big").fallback("bigger"))
        .node("bigger", model("bigger"))
        .node("middle", model("middle"))
        .node("last", model("last"))
        .build()
        .unwrap();
    let (metadata, headers, body) = Default::default();
    let facts = Facts { identity: None, metadata: &metadata, headers: &headers, body: &body };
    let chain = route.resolve(&facts);
    let shown: Vec<_> =
        chain.iter().map(|choice| format!("{} {}", choice.node, choice.limits.join("+"))).collect();
    assert_eq!(shown, ["big a+b", "bigger a+b", "middle a", "last "]);
}

#[cfg(feature = "limits")]
#[test]
fn an_end_under_a_limit_withholds_every_model() {
    let route = || {
        let paid = Field::metadata("plan").equals("paid");
        DynamicRoute::builder("r")
            .node("outer", Node::limit("a", "inner", "last"))
            .node("inner", Node::limit("b", "gate", "small"))
            .node("gate", Node::when(paid, "big", "stop"))
            .node("stop", Node::end())
    };
    let withheld = with_models(route().start("outer"), ["big", "small", "last"]);
    assert_eq!(chain(&withheld, r#"{"plan":"paid"}"#), ["big", "small", "last"]);
    assert_eq!(chain(&withheld, "{}"), [""; 0]);
    // After a model, the end is that of its fallbacks.
    let first = Node::limit("a", "before", "other");
    let route = route().start("first").node("first", first);
    let route = route.node("before", Node::model("grok", "before").fallback("outer"));
    let later = with_models(route, ["big", "small", "last", "other"]);
    assert_eq!(chain(&later, "{}"), ["before", "other"]);
}

#[cfg(feature = "limits")]
#[test]
fn a_route_of_limits_alone_ends_soon() {
    let mut route = DynamicRoute::builder("r").start("0");
    for number in 0..62 {
        let next = (number + 1).to_string();
        route = route.node(number.to_string(), Node::limit("a", next.clone(), next));
    }
    let route = route.node("62", Node::model("grok", "m")).build().unwrap();
    let (metadata, headers, body) = Default::default();
    let facts = Facts { identity: None, metadata: &metadata, headers: &headers, body: &body };
    assert!((1..=64).contains(&route.resolve(&facts).len()));
}
