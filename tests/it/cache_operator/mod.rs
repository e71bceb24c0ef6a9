//! The operator's pages of the cache, with the example gateway as a process.
#![cfg(unix)]

use serde_json::{Value, json};

use crate::limits_operator::scene::{Answer, Scene};

const CONFIG: &str = r#"
[gateways.gw]
account = "acct"
[gateways.gw.cache]
ttl_seconds = 3600
"#;
const JSON: &str = "content-type: application/json";
const PURGE: &str = "POST /dashboard/api/cache/purge";

/// What the cache did with a chat.
fn chat(scene: &Scene, headers: &[&str]) -> String {
    let answer = scene.chat(headers);
    assert_eq!(answer.status, 200, "{answer:?}");
    let status = answer.head.lines().find_map(|line| line.strip_prefix("cf-aig-cache-status: "));
    status.unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

fn purge(scene: &Scene, what: &Value) -> Answer {
    scene.ask(PURGE, &[JSON], &what.to_string())
}

fn cache(scene: &Scene) -> Value {
    scene.ask("GET /dashboard/api/cache", &[], "").json()
}

fn of(name: &str, value: &str) -> Value {
    let mut what = json!({ "account": "acct", "gateway": "gw" });
    if !name.is_empty() {
        what[name] = value.into();
    }
    what
}

#[test]
fn an_operator_sees_the_savings_of_the_cache() {
    let scene = Scene::new(CONFIG, &[]);
    let nothing = cache(&scene);
    assert_eq!((&nothing["hits"], &nothing["hit_rate"]), (&json!(0), &Value::Null));
    assert_eq!(chat(&scene, &[]), "MISS");
    let fresh = cache(&scene);
    assert_eq!((&fresh["saved_tokens"], &fresh["saved_cost_ticks"]), (&json!(0), &json!(0)));
    for _ in 0..3 {
        assert_eq!(chat(&scene, &[]), "HIT");
    }
    assert_eq!(chat(&scene, &["cf-aig-skip-cache: true"]), "BYPASS");
    let cache = cache(&scene);
    let counts = ["hits", "stale", "misses", "bypasses", "stored", "entries", "failures"];
    assert_eq!(counts.map(|name| cache[name].as_u64().unwrap()), [3, 0, 1, 1, 1, 1, 0]);
    assert_eq!(cache["hit_rate"], json!(0.75));
    assert!(cache["bytes"].as_u64().unwrap() > 100, "{cache}");
    for name in ["saved_tokens", "saved_cost_ticks"] {
        let saved = cache[name].as_u64().unwrap();
        assert!(saved > 0 && saved.is_multiple_of(3), "{name}: {cache}");
    }
    assert_eq!(cache["saved_cost_unknown"], 0);
}

#[test]
fn an_operator_purges_only_the_target() {
    let scene = Scene::new(CONFIG, &[]);
    let named = ["cf-aig-cache-key: named"];
    let mut purged = 0;
    for (what, other, headers) in [
        (json!({ "everything": true }), None, &[][..]),
        (of("", ""), Some(json!({ "account": "acct", "gateway": "other" })), &[]),
        (of("", ""), Some(json!({ "gateway": "gw" })), &[]),
        (of("provider", "grok"), Some(of("provider", "openai")), &[]),
        (of("model", "grok-4.3"), Some(of("model", "grok-4")), &[]),
        (of("key", "named"), Some(of("key", "name")), &named),
    ] {
        chat(&scene, headers);
        assert_eq!(chat(&scene, headers), "HIT");
        if let Some(other) = other {
            assert_eq!(purge(&scene, &other).status, 200);
            assert_eq!(chat(&scene, headers), "HIT", "{other} is not {what}");
            purged += 1;
        }
        let answer = purge(&scene, &what);
        assert_eq!((answer.status, answer.json()["hits"].is_u64()), (200, true), "{answer:?}");
        purged += 1;
        assert_eq!(chat(&scene, headers), "MISS", "{what}");
    }
    let no_entry = purge(&scene, &of("entry", &"0".repeat(80)));
    assert!(no_entry.status == 404 && no_entry.body.contains("this key"), "{no_entry:?}");
    assert_eq!(chat(&scene, &[]), "HIT");
    let lines = scene.reported("the cache was purged", purged);
    assert_eq!(lines.len(), purged, "{lines:?}");
    let first = &lines[0];
    assert_eq!((&first["level"], &first["by"]), (&json!("INFO"), &json!("this machine")));
    assert!(first["peer"].as_str().unwrap().contains("127.0.0.1"), "{first}");
    assert_eq!(first["gateway"], "None");
    let last = &lines[purged - 1];
    assert_eq!((&last["gateway"], &last["kind"]), (&json!("Some(\"gw\")"), &json!("key")));
    assert_eq!(last["name"], "Some(\"named\")");
}

#[test]
fn nobody_else_may_look_or_purge() {
    let scene = Scene::new(CONFIG, &[]);
    let body = json!({ "everything": true }).to_string();
    let post = |headers: &[&str], body: &str| scene.ask(PURGE, headers, body).status;
    chat(&scene, &[]);
    assert_eq!(post(&["content-type: text/plain"], &body), 403);
    assert_eq!(post(&[JSON, "sec-fetch-site: cross-site"], &body), 403);
    assert_eq!(post(&[JSON, "x-forwarded-for: 127.0.0.1"], &body), 403);
    for what in [json!({}), json!([]), of("entry", "12"), of("modell", "m"), json!({"model": "m"})]
    {
        assert_eq!(post(&[JSON], &what.to_string()), 400, "{what}");
    }
    assert_eq!(post(&[JSON], &of("key", &"x".repeat(20_000)).to_string()), 413);
    assert_eq!(chat(&scene, &[]), "HIT", "what is refused purges nothing");
    // What is reported in its order: only this one.
    assert_eq!(post(&[JSON], &of("key", "the-last").to_string()), 200);
    let lines = scene.reported("the cache was purged", 1);
    assert_eq!((lines.len(), &lines[0]["name"]), (1, &json!("Some(\"the-last\")")));

    let scene = Scene::new(CONFIG, &[("GATEWAY_ADMIN_TOKEN", "operator-token")]);
    for line in ["GET /dashboard/api/cache", PURGE] {
        let ask = |headers: &[&str]| scene.ask(line, headers, &body).status;
        assert_eq!(ask(&[JSON]), 401);
        assert_eq!(ask(&[JSON, "authorization: Bearer other"]), 401);
        assert_eq!(ask(&[JSON, "authorization: Bearer operator-token"]), 200);
    }
    let lines = scene.reported("the cache was purged", 1);
    assert_eq!((lines.len(), &lines[0]["by"]), (1, &json!("the admin token")));
    assert!(!lines[0].to_string().contains("operator-token"));
}

#[test]
fn names_cannot_forge_a_line_and_no_answer_is_a_page() {
    let scene = Scene::new(CONFIG, &[]);
    let name = "a\u{1b}[31m\nERROR forged\u{7}\u{202e}";
    assert_eq!(purge(&scene, &of("key", name)).status, 200);
    let lines = scene.reported("the cache was purged", 1);
    let reported = lines[0]["name"].as_str().unwrap();
    assert!(!reported.contains(|of: char| of.is_control() || of == '\u{202e}'), "{reported:?}");
    for (line, policy) in [
        ("GET /dashboard/api/cache", "default-src 'none'; frame-ancestors 'none'"),
        ("GET /dashboard/api/limits", "default-src 'none'; frame-ancestors 'none'"),
        (PURGE, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        // A refusal is also an answer.
        let head = scene.ask(line, &["content-type: text/plain"], "{}").head;
        for field in ["x-content-type-options: nosniff", "cache-control: no-store"] {
            assert!(head.contains(field), "{line}: {head}");
        }
        assert!(head.contains(&format!("content-security-policy: {policy}")), "{line}: {head}");
    }
}
