//! A route in TOML is the route in code.

use serde::Deserialize;
use std::time::Duration;

use super::*;
use crate::directives::Backoff;
use crate::json::scalars::BodyField;
use crate::settings::route::condition::Test;
use crate::settings::route::{Condition, Field};

#[derive(Debug, Deserialize)]
struct File {
    routes: Vec<RouteBuilder>,
}

fn read(text: &str) -> Result<DynamicRoute, String> {
    let mut file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    file.routes.remove(0).build().map_err(|error| error.to_string())
}

/// A route whose first node is conditional.
fn on(condition: &str) -> Result<DynamicRoute, String> {
    read(&format!(
        r#"
        [[routes]]
        name = "support"
        start = "first"
        [routes.nodes.first]
        type = "conditional"
        condition = {condition}
        true = "model"
        false = "model"
        [routes.nodes.model]
        type = "model"
        provider = "grok"
        model = "grok-4"
        "#
    ))
}

/// Parses a condition.
fn condition(text: &str) -> Condition {
    #[derive(Deserialize)]
    struct Line {
        condition: Condition,
    }
    let line: Line = toml::from_str(&format!("condition = {text}")).unwrap();
    line.condition
}

#[test]
fn a_route_in_toml_is_the_route_in_code() {
    let read = read(
        r#"
        [[routes]]
        name = "support"
        version = "2"
        start = "paid"

        [routes.nodes.paid]
        type = "conditional"
        condition = { "metadata.plan" = { eq = "paid" } }
        true = "big"
        false = "split"

        [routes.nodes.split]
        type = "percentage"
        key = "metadata.user_id"
        shares = [{ percent = 10, to = "big" }, { percent = 5, to = "stop" }]
        else = "small"

        [routes.nodes.big]
        type = "model"
        provider = "grok"
        model = "grok-4"
        timeout_ms = 30000
        attempts = 2
        retry_delay_ms = 250
        backoff = "linear"
        key_alias = "eu"
        fallback = "small"

        [routes.nodes.small]
        type = "model"
        provider = "xai"
        model = "grok-3-mini"

        [routes.nodes.stop]
        type = "end"
        "#,
    );
    let paid = Field::metadata("plan").equals("paid");
    let big = Node::model("grok", "grok-4")
        .timeout(Duration::from_secs(30))
        .attempts(2)
        .retry_delay(Duration::from_millis(250))
        .backoff(Backoff::Linear)
        .key_alias("eu")
        .fallback("small");
    let split = Node::split_by(Field::metadata("user_id"), [(10, "big"), (5, "stop")], "small");
    // In the order of the names, as in the file's map.
    let built = DynamicRoute::builder("support")
        .version("2")
        .start("paid")
        .node("big", big)
        .node("paid", Node::when(paid, "big", "split"))
        .node("small", Node::model("xai", "grok-3-mini"))
        .node("split", split)
        .node("stop", Node::end())
        .build();
    assert_eq!(format!("{:?}", read.unwrap()), format!("{:?}", built.unwrap()));
}

#[test]
fn splits_go_by_the_identity_or_by_metadata() {
    let key = |key: &str| {
        let text = format!(
            "type = \"percentage\"\nkey = \"{key}\"\n\
             shares = [{{ percent = 1, to = \"a\" }}]\nelse = \"b\""
        );
        toml::from_str::<Node>(&text).unwrap()
    };
    let to = |by| Node::split_by(by, [(1, "a")], "b");
    for (text, expected) in [
        ("identity.subject", to(Field::identity_subject())),
        ("identity.label.team", to(Field::identity_label("team"))),
        ("metadata.user_id", to(Field::metadata("user_id"))),
        ("metadata.identity.subject", to(Field::metadata("identity.subject"))),
    ] {
        assert_eq!(key(text), expected, "{text}");
    }
}

#[test]
fn splits_by_what_is_no_key_are_refused() {
    for key in [
        "headers.x",
        "headers.x-team",
        "body.user",
        "identity.group",
        "identity.label.",
        "identity.label.a-b",
        "identity.label",
        "identity.",
        "identity",
        "identity.subject.x",
        "Identity.subject",
        "subject",
        "metadata",
        "metadata.",
        "metadata.cf.x",
        "",
    ] {
        let error = read(&format!(
            "[[routes]]\nname = \"support\"\nstart = \"n\"\n[routes.nodes.n]\n\
             type = \"percentage\"\nkey = \"{key}\"\n\
             shares = [{{ percent = 1, to = \"m\" }}]\nelse = \"m\"\n\
             [routes.nodes.m]\ntype = \"model\"\nprovider = \"grok\"\nmodel = \"grok-4\""
        ));
        let error = error.unwrap_err();
        let expected = format!("node `n`: it cannot use `{key}`: only `identity.subject`");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn conditions_are_written_in_the_hosted_gateways_style() {
    let plan = || Field::metadata("plan");
    let on_plan = |test| Condition { fields: vec![(plan(), test)], ..Condition::empty() };
    let is_y = (Field::header("x"), Test { eq: Some("y".into()), ..Test::default() });
    for (text, expected) in [
        (r#"{ "metadata.plan" = { eq = "paid" } }"#, plan().equals("paid")),
        (r#"{ "identity.subject" = { eq = "u" } }"#, Field::identity_subject().equals("u")),
        (r#"{ "identity.group" = { in = ["staff"] } }"#, Field::identity_group().one_of(["staff"])),
        (
            r#"{ "identity.label.plan" = { eq = "paid" } }"#,
            Field::identity_label("plan").equals("paid"),
        ),
        (r#"{ "metadata.plan" = { ne = 5 } }"#, plan().not_equals(5)),
        (r#"{ "metadata.plan" = { eq = 5.5 } }"#, plan().equals(5.5)),
        (r#"{ "metadata.plan" = { eq = true } }"#, plan().equals(true)),
        (r#"{ "metadata.plan" = { in = ["a", "b"] } }"#, plan().one_of(["a", "b"])),
        (r#"{ "metadata.plan" = { exists = false } }"#, plan().exists(false)),
        (r#"{ "metadata.plan" = { lt = 1 } }"#, plan().less(1)),
        (r#"{ "metadata.plan" = { lte = 1.5 } }"#, plan().less_or_equal(1.5)),
        (r#"{ "metadata.plan" = { gt = 1 } }"#, plan().greater(1)),
        (r#"{ "metadata.plan" = { gte = 1 } }"#, plan().greater_or_equal(1)),
        (r#"{ "metadata.plan" = { starts_with = "p" } }"#, plan().starts_with("p")),
        (r#"{ "metadata.a.b" = { eq = "x" } }"#, Field::metadata("a.b").equals("x")),
        (r#"{ "headers.X-Tier" = { eq = "x" } }"#, Field::header("x-tier").equals("x")),
        (r#"{ "body.max_tokens" = { lt = 9 } }"#, Field::body(BodyField::MaxTokens).less(9)),
        (
            r#"{ "metadata.plan" = { eq = "a" }, "headers.x" = { exists = true } }"#,
            Condition {
                fields: [Field::header("x").exists(true).fields, plan().equals("a").fields]
                    .concat(),
                ..Condition::empty()
            },
        ),
        (
            r#"{ any = [{ "metadata.plan" = { eq = "a" } }, { not = { "metadata.plan" = { eq = "b" } } }] }"#,
            Condition::any([plan().equals("a"), Condition::not(plan().equals("b"))]),
        ),
        (
            r#"{ all = [{ "metadata.plan" = { eq = "a" } }], "headers.x" = { eq = "y" } }"#,
            Condition { fields: vec![is_y], ..Condition::all([plan().equals("a")]) },
        ),
        (
            r#"{ "metadata.plan" = { gte = 1, lt = 5 } }"#,
            on_plan(Test { lt: Some(5.0), gte: Some(1.0), ..Test::default() }),
        ),
    ] {
        assert_eq!(condition(text), expected, "{text}");
        on(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn conditions_that_cannot_be_used_are_refused() {
    for (text, field) in [
        (r#"{ "metdata.plan" = { eq = "a" } }"#, "`metdata.plan`"),
        (r#"{ plan = { eq = "a" } }"#, "`plan`"),
        (r#"{ "body.messages" = { exists = true } }"#, "`body.messages`"),
        (r#"{ "body." = { exists = true } }"#, "`body.`"),
        (r#"{ "metadata." = { exists = true } }"#, "`metadata.`"),
        (r#"{ "headers.a b" = { exists = true } }"#, "`headers.a b`"),
        (r#"{ "headers.Authorization" = { exists = true } }"#, "`headers.authorization`"),
        (r#"{ "metadata.plan" = {} }"#, "`metadata.plan`"),
        (r#"{ "metadata.plan" = { in = [] } }"#, "`metadata.plan`"),
        (r#"{ "metadata.plan" = { eq = nan } }"#, "`metadata.plan`"),
        (r#"{}"#, "it is empty"),
        (r#"{ any = [] }"#, "it is empty"),
        // Without quotes, a field is a table within a table.
        (r#"{ metadata.plan = { eq = "a" } }"#, "unknown field `plan`"),
        (r#"{ "metadata.plan" = { equals = "a" } }"#, "unknown field `equals`"),
        (r#"{ "metadata.plan" = { lt = "a" } }"#, "invalid type"),
        (r#"{ "metadata.plan" = "a" }"#, "invalid type"),
    ] {
        let error = on(text).unwrap_err();
        assert!(error.contains(field), "{text}: {error}");
    }
}

#[test]
fn what_is_not_known_or_not_given_is_refused() {
    let node = |node: &str| {
        let head = "[[routes]]\nname = \"support\"\nstart = \"n\"\n[routes.nodes.n]\n";
        read(&format!("{head}{node}"))
    };
    let model = "type = \"model\"\nprovider = \"grok\"\nmodel = \"grok-4\"\n";
    assert!(node(model).is_ok());
    for (text, expected) in [
        (&format!("{model}retries = 2")[..], "unknown field `retries`"),
        (&format!("{model}attempts = 6"), "node `n`: it makes 6 attempts"),
        (&format!("{model}attempts = 300"), "invalid value"),
        (&format!("{model}timeout_ms = 0"), "node `n`: its timeout"),
        (&format!("{model}timeout_ms = -1"), "invalid value"),
        (&format!("{model}backoff = \"fast\""), "unknown variant `fast`"),
        (&format!("{model}fallback = \"x\""), "it leads to `x`"),
        ("type = \"end\"\nnext = \"x\"", "unknown field `next`"),
        ("type = \"end\"", "it has no model"),
        ("type = \"rate\"", "unknown variant `rate`"),
        ("type = \"model\"\nprovider = \"grok\"", "missing field `model`"),
        ("provider = \"grok\"", "missing field `type`"),
        (
            "type = \"percentage\"\nkey = \"headers.x\"\nshares = [{ percent = 1, to = \"n\" }]\nelse = \"n\"",
            "node `n`: it cannot use `headers.x`",
        ),
        (
            "type = \"percentage\"\nshares = [{ percent = 1, to = \"n\", of = 1 }]\nelse = \"n\"",
            "unknown field `of`",
        ),
    ] {
        let error = node(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let route = |text: &str| read(&format!("[[routes]]\n{text}")).unwrap_err();
    assert!(route("name = \"a\"\ndeployed = true").contains("unknown field `deployed`"));
    assert!(route("name = \"a\"").contains("it does not say which node is first"));
    assert!(route("name = \"a\"\nstart = \"b\"").contains("it starts at `b`"));
    assert!(route("start = \"b\"").contains("missing field `name`"));
}
