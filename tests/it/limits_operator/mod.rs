//! The operator's pages of limits, with the example gateway as a process.
#![cfg(unix)]

pub(crate) mod scene;
mod unseen;

use std::thread;

use self::scene::{Answer, Scene};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const RULES: &str = r#"
[gateways.gw]
account = "acct"
[[gateways.gw.limit]]
name = "per-team"
requests = 2
per = "month"
by = ["metadata:team"]
[[gateways.gw.limit]]
name = "all"
requests = 1
per = "month"
shadow = true
"#;

fn of(team: &str) -> Value {
    json!({ "account": "acct", "gateway": "gw", "rule": "per-team", "values": [team] })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[test]
fn an_operator_can_read_reset_and_raise_counters() {
    let scene = Scene::new(RULES, &[]);
    assert_eq!(scene.limits()["rules"], json!([]));
    assert_eq!(scene.chats("a", 3), [200, 200, 429]);
    let limits = scene.limits();
    let (rule, shadow) = (scene::rule(&limits, "per-team"), scene::rule(&limits, "all"));
    let top = &rule["top"][0];
    assert_eq!(
        (&top["values"], &top["used"], &top["remaining"]),
        (&json!(["a"]), &json!(2), &json!(0))
    );
    assert!(top["resets_ms"].as_u64().unwrap() > 0);
    assert_eq!((&rule["limit"], &rule["window"]), (&json!(2), &json!("month")));
    assert_eq!((&rule["account"], &rule["gateway"]), (&json!("acct"), &json!("gw")));
    assert_eq!((&rule["by"], &rule["refused"]), (&json!(["metadata:team"]), &json!(1)));
    assert_eq!((&shadow["shadow"], &shadow["refused"]), (&json!(true), &json!(0)));
    assert_eq!((&shadow["would_refuse"], &shadow["top"][0]["values"]), (&json!(2), &json!([])));
    assert_eq!((&limits["refused"], &limits["would_refuse"]), (&json!(1), &json!(2)));
    assert_eq!(limits["rules"][0]["rule"], "all", "it is the fullest");

    let raised = scene.post("raise", &with(of("a"), "extra", json!(1)));
    assert_eq!(raised.status, 200, "{raised:?}");
    let Value::Object(changed) = raised.json() else { panic!("{raised:?}") };
    assert_eq!((&changed["before"]["used"], &changed["after"]["used"]), (&json!(2), &json!(1)));
    assert_eq!(scene.chats("a", 2), [200, 429]);
    assert_eq!(scene.post("reset", &of("a")).json()["after"]["remaining"], 2);
    assert_eq!(scene.chats("a", 3), [200, 200, 429]);

    // A counter that is unknown to this process.
    assert_eq!(scene.post("reset", &of("zed")).json()["before"]["used"], 0);
    let lines = scene.reported("a limit was", 3);
    assert_eq!(lines.len(), 3, "{lines:?}");
    let line = &lines[0];
    assert_eq!((&line["level"], &line["by"]), (&json!("INFO"), &json!("this machine")));
    assert!(line["peer"].as_str().unwrap().contains("127.0.0.1"), "{line}");
    assert_eq!((&line["rule"], &line["values"]), (&json!("\"per-team\""), &json!("[\"a\"]")));
    assert_eq!((&line["before"], &line["after"]), (&json!(2), &json!(1)));
    assert_eq!(lines[1]["message"], "a limit was reset");
    assert_eq!(lines[1]["after"], 0);
}

#[test]
fn only_the_operator_has_access() {
    let scene = Scene::new(RULES, &[]);
    let json = "content-type: application/json";
    let body = of("a").to_string();
    let post = |headers: &[&str], body: &str| {
        scene.ask("POST /dashboard/api/limits/reset", headers, body).status
    };
    assert_eq!(post(&[json], &body), 200);
    assert_eq!(post(&["content-type: text/plain"], &body), 403);
    assert_eq!(post(&["content-type: application/x-www-form-urlencoded"], &body), 403);
    assert_eq!(post(&[json, "sec-fetch-site: cross-site"], &body), 403);
    assert_eq!(post(&[json, "x-forwarded-for: 127.0.0.1"], &body), 403);
    for (what, status) in [
        (with(of("a"), "gateway", json!("other")), 404),
        (with(of("a"), "account", json!("other")), 404),
        (with(of("a"), "rule", json!("other")), 404),
        (with(of("a"), "values", json!([])), 400),
        (with(of("a"), "values", json!("a")), 400),
        (with(of("a"), "extra", json!(1)), 400),
        (json!([]), 400),
    ] {
        assert_eq!(post(&[json], &what.to_string()), status, "{what}");
    }
    assert_eq!(post(&[json], &of(&"x".repeat(20_000)).to_string()), 413);
    let nothing = with(of("a"), "extra", json!(0));
    assert_eq!(scene.post("raise", &nothing).status, 400);
    assert_eq!(scene.post("reset", &of("last")).status, 200);
    let lines = scene.reported("a limit was", 2);
    assert_eq!(lines.len(), 2, "what is refused changes nothing");
    assert_eq!(lines[1]["values"], "[\"last\"]");

    let scene = Scene::new(RULES, &[("GATEWAY_ADMIN_TOKEN", "operator-token")]);
    let ask = |line: &str, headers: &[&str]| scene.ask(line, headers, &body).status;
    for line in ["GET /dashboard/api/limits", "POST /dashboard/api/limits/reset"] {
        assert_eq!(ask(line, &[json]), 401);
        assert_eq!(ask(line, &[json, "authorization: Bearer other"]), 401);
        assert_eq!(ask(line, &[json, "authorization: Bearer operator-token"]), 200);
    }
    let lines = scene.reported("a limit was", 1);
    assert_eq!((lines.len(), &lines[0]["by"]), (1, &json!("the admin token")));
    assert!(!lines[0].to_string().contains("operator-token"));
}

#[test]
fn hostile_names_are_escaped_and_in_no_metric() {
    let scene = Scene::new(RULES, &[]);
    let long = "x".repeat(256);
    let names = [
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(1)</script>",
        "a\u{1b}[31m\nERROR forged\u{7}\u{202e}",
        "\"],\"used\":0,[\"",
        &long,
    ];
    for name in names {
        assert_eq!(scene.chats(name, 1), [200], "{name:?}");
    }
    let answer = scene.ask("GET /dashboard/api/limits", &[], "");
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    assert!(answer.head.contains("x-content-type-options: nosniff"), "{}", answer.head);
    assert!(answer.body.bytes().all(|byte| byte >= b' '), "{:?}", answer.body);
    let limits = answer.json();
    let top = scene::rule(&limits, "per-team")["top"].as_array().unwrap();
    for name in names {
        let is_own = |counter: &&Value| counter["values"] == json!([name]);
        assert_eq!(top.iter().find(is_own).unwrap()["used"], 1, "{name:?}");
        assert_eq!(scene.post("reset", &of(name)).json()["before"]["used"], 1, "{name:?}");
    }
    let lines = scene.reported("a limit was reset", names.len());
    assert_eq!(lines.len(), names.len(), "one line each: {lines:?}");
    for line in &lines {
        let whom = line["values"].as_str().unwrap();
        assert!(!whom.contains(|of: char| of.is_control() || of == '\u{202e}'), "{whom:?}");
    }
    let metrics = scene.ask("GET /metrics", &[], "").body;
    assert!(metrics.contains("ai_gateway_limit_rule=\"per-team\""), "{metrics}");
    for part in ["onerror", "</script", "forged", "used\\\":0", "xxxxxxxx"] {
        assert!(!metrics.contains(part), "{part}");
    }
}

#[test]
fn a_flood_of_names_is_bounded() {
    const FLOOD: usize = 1100;
    let scene = Scene::new(RULES, &[]);
    thread::scope(|scope| {
        for part in 0..4 {
            let scene = &scene;
            scope.spawn(move || {
                for number in (part..FLOOD).step_by(4) {
                    assert_eq!(scene.chats(&format!("team-{number}"), 1), [200]);
                }
            });
        }
    });
    let limits = scene.limits();
    let rule = scene::rule(&limits, "per-team");
    let counters = rule["counters"].as_u64().unwrap();
    assert!((512..=1024).contains(&counters), "{counters}");
    assert_eq!(rule["top"].as_array().unwrap().len(), 5);
}

#[test]
fn tokens_are_shown_as_the_start_of_a_digest() {
    const TOKEN: &str = "s3cret-token-of-the-team";
    let rules = r#"
[gateways.gw]
account = "acct"
tokens = [{ env = "TEAM_TOKEN" }]
[[gateways.gw.limit]]
name = "per-token"
tokens = 1_000_000
per = "month"
by = ["token", "credential"]
"#;
    let scene = Scene::new(rules, &[("TEAM_TOKEN", TOKEN)]);
    let chat = || {
        let token = format!("cf-aig-authorization: Bearer {TOKEN}");
        assert_eq!(scene.chat(&[&token]).status, 200);
    };
    chat();
    let hex = |secret: &str| -> String {
        Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let (token, key) = (hex(TOKEN), hex(scene::KEY));
    let answer = scene.ask("GET /dashboard/api/limits", &[], "");
    assert!(
        ![TOKEN, scene::KEY, &token[..13], &key[..13]]
            .iter()
            .any(|part| answer.body.contains(part))
    );
    let limits = answer.json();
    let seen = &scene::rule(&limits, "per-token")["top"][0];
    let short = json!([format!("sha256:{}", &token[..12]), format!("sha256:{}", &key[..12])]);
    assert_eq!(seen["values"], short);
    let used = |whom: &Value| {
        let body =
            json!({ "account": "acct", "gateway": "gw", "rule": "per-token", "values": whom });
        let answer: Answer = scene.post("reset", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["before"]["used"].as_u64().unwrap()
    };
    assert!(used(&short) > 0);
    chat();
    assert!(used(&json!([token, key])) > 0, "the whole digests name the same counter");
    let other = json!({ "account": "acct", "gateway": "gw", "rule": "per-token",
        "values": ["sha256:000000000000", ""] });
    assert_eq!(scene.post("reset", &other).status, 400);
}
