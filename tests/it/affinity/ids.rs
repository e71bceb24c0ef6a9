//! The names of sessions, and their precedence.

use http::Request;

use crate::affinity::scene::{Body, CHAT, Scene, chat, post};

const MESSAGES: &str = "/v1/acct/gw/anthropic/v1/messages";

/// The source of the session's name, and its digest.
async fn named(scene: &Scene, request: Request<Body>) -> (Option<&'static str>, Option<String>) {
    scene.sent(request).await;
    let end = scene.end();
    (end.source, end.session)
}

const LONGEST: &str = concat!(
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
);

#[tokio::test]
async fn the_first_of_this_order_names_the_session() {
    let scene = Scene::keys(4);
    let order = [
        "cf-aig-session-id",
        "x-session-id",
        "x-claude-code-session-id",
        "session_id",
        "session-id",
        "x-session-affinity",
    ];
    let body = r#"{"model":"grok-4","metadata":{"user_id":"u"},"prompt_cache_key":"p"}"#;
    for first in 0..order.len() {
        // The order of the headers on the wire does not matter.
        let headers: Vec<_> = order[first..].iter().rev().map(|name| (*name, *name)).collect();
        let (source, with_all) = named(&scene, post(CHAT, &headers, body)).await;
        assert_eq!(source, Some(order[first]));
        let alone = named(&scene, chat(&[(order[first], order[first])])).await;
        assert_eq!(alone, (source, with_all), "what else is there does not matter");
    }
    assert_eq!(named(&scene, post(CHAT, &[], body)).await.0, Some("prompt_cache_key"));
    let body = r#"{"model":"grok-4","metadata":{"user_id":"u"}}"#;
    assert_eq!(named(&scene, post(CHAT, &[], body)).await.0, Some("metadata.user_id"));
    let body = r#"{"model":"claude","metadata":{"user_id":"u"},"messages":[]}"#;
    assert_eq!(named(&scene, post(MESSAGES, &[], body)).await.0, Some("metadata.user_id"));
    assert_eq!(named(&scene, chat(&[])).await, (None, None));
}

#[tokio::test]
async fn an_id_is_one_session_under_any_name_and_spelling() {
    let scene = Scene::keys(4);
    let expected = named(&scene, chat(&[("x-session-id", "a/b")])).await.1;
    assert_eq!(named(&scene, chat(&[("session_id", "a/b")])).await.1, expected);
    assert_eq!(named(&scene, chat(&[("X-Session-Id", "a/b")])).await.1, expected);
    for body in [
        r#"{"model":"grok-4","prompt_cache_key":"a/b"}"#,
        r#"{"prompt_cache_key" : "a\/b","model":"grok-4"}"#,
        r#"{"prompt\u005fcache_key":"\u0061\u002fb","model":"grok-4"}"#,
        // The first of two values counts.
        r#"{"prompt_cache_key":"a/b","model":"grok-4","prompt_cache_key":"c"}"#,
    ] {
        let (source, session) = named(&scene, post(CHAT, &[], body)).await;
        assert_eq!((source, &session), (Some("prompt_cache_key"), &expected), "{body}");
    }
    // Any difference, even in case, makes another session.
    for other in ["A/b", "a/b/", "a%2Fb", "a-b"] {
        assert_ne!(named(&scene, chat(&[("x-session-id", other)])).await.1, expected, "{other}");
    }
}

#[tokio::test]
async fn foreign_ids_out_of_range_are_skipped() {
    let scene = Scene::keys(4);
    let longer = format!("{LONGEST}0");
    for foreign in ["", "a b", "a\tb", &longer] {
        let headers = [("x-session-id", foreign), ("session_id", "codex")];
        let (source, _) = named(&scene, chat(&headers)).await;
        assert_eq!(source, Some("session_id"), "{foreign:?}");
    }
    assert_eq!(named(&scene, chat(&[("x-session-id", LONGEST)])).await.0, Some("x-session-id"));
    // A header that occurs twice is ambiguous.
    let twice = [("x-session-id", "a"), ("x-session-id", "a"), ("session_id", "codex")];
    assert_eq!(named(&scene, chat(&twice)).await.0, Some("session_id"));
    // Elsewhere in the body, empty, too long, or not a string.
    for member in [
        r#""messages":[{"prompt_cache_key":"x","metadata":{"user_id":"x"}}]"#,
        r#""prompt_cache_key":"""#,
        r#""prompt_cache_key":7"#,
        r#""prompt_cache_key":["x"]"#,
        r#""metadata":{"a":{"user_id":"x"}}"#,
        r#""user_id":"x""#,
        &format!(r#""prompt_cache_key":"{LONGEST}0""#),
    ] {
        let body = format!(r#"{{"model":"grok-4",{member}}}"#);
        assert_eq!(named(&scene, post(CHAT, &[], body)).await.0, None, "{member}");
    }
}

#[tokio::test]
async fn our_own_header_out_of_range_is_refused() {
    let scene = Scene::keys(4);
    let longer = format!("{LONGEST}0");
    for bad in [&[("cf-aig-session-id", "")][..], &[("cf-aig-session-id", "a b")]]
        .into_iter()
        .chain([&[("cf-aig-session-id", &*longer)][..]])
        .chain([&[("cf-aig-session-id", "a"), ("cf-aig-session-id", "a")][..]])
        .chain([&[("cf-aig-no-session-affinity", "yes")][..]])
    {
        let response = scene.send(chat(bad)).await;
        assert_eq!(response.status(), 400, "{bad:?}");
        assert!(String::from_utf8_lossy(response.body()).contains(bad[0].0));
        assert!(scene.all_sent().is_empty());
    }
    let sent = scene.sent(chat(&[("cf-aig-session-id", LONGEST)])).await;
    assert_eq!(sent.header("cf-aig-session-id"), None, "it is for the gateway alone");
}

#[tokio::test]
async fn gateways_and_callers_do_not_share_sessions() {
    use tower_ai_gateway::Identity;
    let scene = Scene::keys(4);
    let session = async |path: &str, subject: Option<&str>| {
        let mut request = post(path, &[("x-session-id", "same")], r#"{"model":"grok-4"}"#);
        if let Some(subject) = subject {
            request.extensions_mut().insert(Identity::builder(subject).build().unwrap());
        }
        named(&scene, request).await.1.unwrap()
    };
    let mut all = vec![
        session(CHAT, None).await,
        session("/v1/acct/other/grok/v1/chat/completions", None).await,
        session("/v1/other/gw/grok/v1/chat/completions", None).await,
        session(CHAT, Some("alice")).await,
        session(CHAT, Some("bob")).await,
    ];
    assert_eq!(session(CHAT, Some("bob")).await, all[4]);
    assert!(all.iter().all(|digest| digest.len() == 16 && !digest.contains("same")));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
}
