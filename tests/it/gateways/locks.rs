//! Which control headers clients may use: by default, if the host locks them, and if it refuses
//! them, in all ways they can be sent.

mod host;
mod ways;

use serde_json::{Value, json};
use tower_ai_gateway::settings::{
    ClientControl, Directives, GatewaySettingsBuilder, LockedHeaders,
};

use self::ways::*;
use crate::gateways::scene::{
    Answer, BODY, NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, secret, token,
};
use crate::support::scripted::Call;

fn scene(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    Scene::with(|of| {
        set(of.authenticated_elsewhere().key("grok", secret("sk-LEAK-grok")).key_as(
            "grok",
            "own",
            secret("sk-LEAK-own"),
        ))
    })
}

/// All controls except this one.
fn without(locked: ClientControl) -> impl Iterator<Item = ClientControl> {
    ClientControl::ALL.into_iter().filter(move |control| *control != locked)
}

#[tokio::test]
async fn by_default_only_headers_of_costs_and_logs_are_locked() {
    let bare = Scene::of(|layer| layer);
    let set = scene(|of| of);
    for scene in [set, bare] {
        for header in every_header() {
            for by in WAYS {
                use ClientControl::{CollectLog, CollectLogPayload, CustomCost};
                match header.control {
                    Some(CustomCost | CollectLog | CollectLogPayload) => {
                        is_passed_over(&scene, by, &header).await;
                    }
                    _ => is_heeded(&scene, by, &header).await,
                }
            }
        }
    }
}

#[tokio::test]
async fn headers_that_the_host_allows_are_used() {
    let scene = scene(|of| of.client_controls(ClientControl::ALL));
    for header in every_header() {
        for by in WAYS {
            is_heeded(&scene, by, &header).await;
        }
    }
}

#[tokio::test]
async fn a_locked_header_is_ignored_and_named_in_the_warning() {
    for header in every_header() {
        let locked = header.control;
        let scene = scene(|of| match locked {
            Some(locked) => of.client_controls(without(locked)),
            None => of.client_controls([]),
        });
        for by in WAYS {
            match locked {
                Some(_) => is_passed_over(&scene, by, &header).await,
                // Headers that only narrow cannot be locked.
                None => is_heeded(&scene, by, &header).await,
            }
        }
        for other in every_header().iter().filter(|other| other.control != locked) {
            if locked.is_some() {
                is_heeded(&scene, By::Request(NATIVE), other).await;
            }
        }
    }
}

#[tokio::test]
async fn a_locked_header_is_refused_if_the_host_wants_that() {
    for header in every_header() {
        let Some(locked) = header.control else { continue };
        let scene =
            scene(|of| of.client_controls(without(locked)).locked_headers(LockedHeaders::Refuse));
        for by in WAYS {
            for value in [header.good, header.bad] {
                let (answer, sent) = send(&scene, by, header.name, value).await;
                let json = answer.refused(403, 2403);
                assert!(sent.is_none(), "{by:?} {}", header.name);
                let message = json["error"]["message"].as_str().unwrap();
                assert!(message.contains(header.name), "{message}");
                let param = match by {
                    By::Request(_) => header.name.to_owned(),
                    By::Entry => format!("[0].headers.{}", header.name),
                };
                assert_eq!(json["error"]["param"], param);
            }
        }
    }
    let scene = scene(|of| of.locked_headers(LockedHeaders::Refuse));
    for header in every_header() {
        match header.control.filter(|control| !control.is_allowed_by_default()) {
            Some(_) => {
                send(&scene, By::Entry, header.name, header.good).await.0.refused(403, 2403);
            }
            None => is_heeded(&scene, By::Entry, &header).await,
        }
    }
}

/// Each setting of an entry's `config`, and a check whether it took effect.
const CONFIG: [(&str, &str, ClientControl, &str); 7] = [
    ("requestTimeout", "request_timeout", ClientControl::Timeouts, "9"),
    ("maxAttempts", "max_attempts", ClientControl::Retry, "2"),
    ("retryDelay", "retry_delay", ClientControl::Retry, "1"),
    ("backoff", "backoff", ClientControl::Retry, "\"linear\""),
    ("cacheTtl", "cache_ttl", ClientControl::Cache, "60"),
    ("cacheKey", "cache_key", ClientControl::Cache, "\"k\""),
    ("skipCache", "skip_cache", ClientControl::Cache, "true"),
];

#[tokio::test]
async fn the_same_locks_apply_to_the_config_of_an_entry() {
    let with = |config: String| {
        let entry = an_entry(&json!({}));
        entry.replacen('{', &format!(r#"{{"config":{{{config}}},"#), 1)
    };
    let nothing = format!("{:?}", Directives::default());
    for (camel, snake, locked, good) in CONFIG {
        for key in [camel, snake] {
            let open = scene(|of| of);
            let sent = open.passes(UNIVERSAL, &[], &with(format!(r#""{key}":{good}"#))).await;
            assert_ne!(format!("{:?}", sent.context().directives().unwrap()), nothing, "{key}");
            let scene = scene(|of| of.client_controls(without(locked)));
            for value in [good, "[]", "\"nonsense\"", "1e300"] {
                let body = with(format!(r#""{key}":{value}"#));
                let answer = scene.ask(UNIVERSAL, &[], &body).await;
                assert_eq!(answer.status, 200, "{key} {value}: {answer:?}");
                let reported = format!("locked, passed over: config.{camel}");
                assert_eq!(warning(&answer), Some(&*reported));
                let sent = scene.sent().pop().unwrap();
                let mut directives = sent.context().directives().unwrap().clone();
                directives.event_id = None;
                let shown = format!("{directives:?}");
                let rest = shown.split(", warning:").next().unwrap();
                assert!(nothing.starts_with(rest), "{key} {value}: {shown}");
            }
            let null = scene.ask(UNIVERSAL, &[], &with(format!(r#""{key}":null"#))).await;
            assert_eq!((null.status.as_u16(), warning(&null)), (200, None), "{key}");
        }
        let scene =
            scene(|of| of.client_controls(without(locked)).locked_headers(LockedHeaders::Refuse));
        for value in [good, "[]"] {
            let body = with(format!(r#""{snake}":{value}"#));
            let json = scene.refuses(UNIVERSAL, &[], &body, (403, 2403)).await;
            assert_eq!(json["error"]["param"], format!("[0].config.{camel}"));
        }
    }
}

#[tokio::test]
async fn a_locked_header_may_occur_twice_or_be_malformed() {
    let scene = scene(|of| of.client_controls([]));
    let twice = [("cf-aig-max-attempts", "1"), ("cf-aig-max-attempts", "2")];
    let answer = scene.ask(NATIVE, &twice, BODY).await;
    assert_eq!(warning(&answer), Some("locked, passed over: cf-aig-max-attempts"));
    for headers in [
        r#"{"cf-aig-custom-cost":{"total_cost":0}}"#,
        r#"{"CF-AIG-Custom-Cost":0,"cf-aig-custom-cost":"{\"total_cost\":0}"}"#,
        r#"{"cf-aig-c\u0075stom-cost":"{\"total_cost\":0}"}"#,
        r#"{"cf-aig-custom-cost":"a\nb"}"#,
    ] {
        let body =
            an_entry(&json!({})).replace("\"headers\":{}", &format!("\"headers\":{headers}"));
        let answer = scene.ask(UNIVERSAL, &[], &body).await;
        assert_eq!(answer.status, 200, "{headers}: {answer:?}");
        assert_eq!(warning(&answer), Some("locked, passed over: cf-aig-custom-cost"));
    }
    assert!(scene.hook.ends().iter().all(|end| end.cost.is_none()));
}

#[tokio::test]
async fn without_a_token_a_client_learns_nothing_about_locks() {
    let locked = |choice| {
        Scene::with(|of| of.token(token("t")).locked_headers(choice).reserve_metadata("tenant"))
    };
    let hostile = [
        ("cf-aig-custom-cost", r#"{"total_cost":0}"#),
        ("cf-aig-metadata", r#"{"tenant":"x","team":"y"}"#),
        ("cf-aig-event-id", "e"),
    ];
    for scene in [locked(LockedHeaders::Ignore), locked(LockedHeaders::Refuse)] {
        for line in [NATIVE, UNIFIED, REST, UNIVERSAL] {
            let answer = scene.ask(line, &hostile, "{}").await;
            answer.refused(401, 2009);
            assert_eq!(warning(&answer), None, "{line}");
            assert_ne!(answer.headers["cf-aig-event-id"], "e");
        }
        assert!(scene.hook.ends().iter().all(|end| end.metadata.is_empty()));
    }
    let scene = locked(LockedHeaders::Refuse);
    let cost = hostile[0];
    for line in [NATIVE, UNIFIED, REST, UNIVERSAL] {
        let known = [cost, ("cf-aig-authorization", "t")];
        let json = scene.refuses(line, &known, "{}", (403, 2403)).await;
        assert_eq!(json["error"]["param"], "cf-aig-custom-cost");
    }
}

#[tokio::test]
async fn each_gateway_has_its_own_locks_by_path_and_header() {
    use tower_ai_gateway::settings::{GatewaySettings, SettingsTable};
    let open = GatewaySettings::builder().client_controls(ClientControl::ALL).build().unwrap();
    let shut = GatewaySettings::builder().client_controls([]).build().unwrap();
    let table = SettingsTable::new().gateway("acct", "gw", open).gateway("acct", "default", shut);
    let scene = Scene::new(tower_ai_gateway::settings::Settings::new(table));
    let cost = ("cf-aig-custom-cost", r#"{"total_cost":2}"#);
    let own = ("cf-aig-gateway-id", "gw");
    let native = NATIVE.replace("/gw/", "/default/");
    for (line, headers, is_open) in [
        (NATIVE, &[cost][..], true),
        (&*native, &[cost], false),
        (REST, &[cost], false),
        (REST, &[cost, own], true),
        (&*native, &[cost, own], false),
    ] {
        let answer = scene.ask(line, headers, BODY).await;
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        assert_eq!(warning(&answer).is_none(), is_open, "{line} {headers:?}");
        let sent = scene.sent().pop().unwrap();
        assert_eq!(sent.context().directives().unwrap().custom_cost.is_some(), is_open);
    }
}

#[tokio::test]
async fn narrowing_headers_are_never_locked() {
    for choice in [LockedHeaders::Ignore, LockedHeaders::Refuse] {
        let scene = scene(|of| of.client_controls([]).locked_headers(choice));
        for (name, value, expected) in [
            ("cf-aig-zdr", "true", (400, 2400)),
            ("cf-aig-allowed-models", "none", (403, 2403)),
            ("cf-aig-allowed-providers", "openai", (403, 2403)),
        ] {
            for by in WAYS {
                let (answer, sent) = send(&scene, by, name, value).await;
                let json = answer.refused(expected.0, expected.1);
                assert_eq!(json["error"]["param"], name, "{by:?}");
                assert!(sent.is_none());
            }
        }
    }
}
