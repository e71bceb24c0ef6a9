//! `x-grok-conv-id`, which routes a conversation to the server of xAI that has cached it.

use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::FallbackChain;

use crate::affinity::scene::{CHAT, RESPONSES, Scene, chat, keys, ok, post, providers, status};

const NAME: &str = "x-grok-conv-id";

/// A gateway with one key and this affinity setting.
fn single(affinity: Option<bool>) -> Scene {
    let settings = match affinity {
        None => keys(1),
        Some(on) => keys(1).session_affinity(on),
    };
    Scene::new(providers(), settings, ControlLayer::new(), ok)
}

#[tokio::test]
async fn a_conversation_named_by_a_header_gets_an_id() {
    for scene in [Scene::keys(2), single(Some(true))] {
        let mut ids = Vec::new();
        for (name, id) in [
            ("cf-aig-session-id", "conversation-1"),
            ("x-session-id", "conversation-1"),
            ("session_id", "conversation-1"),
            ("session-id", "conversation-2"),
            ("x-claude-code-session-id", "conversation-2"),
            ("x-session-affinity", "conversation-2"),
        ] {
            let sent = scene.sent(chat(&[(name, id)])).await;
            let given = sent.header(NAME).unwrap().to_owned();
            assert_eq!(given.len(), 36);
            assert_ne!(Some(given[..16].to_owned()), scene.end().session, "it is no other digest");
            ids.push(given);
        }
        assert!(ids[..3].iter().all(|id| *id == ids[0]), "{ids:?}");
        assert!(ids[3..].iter().all(|id| *id == ids[3]) && ids[3] != ids[0], "{ids:?}");
    }
}

#[tokio::test]
async fn the_clients_own_id_is_kept() {
    let scene = Scene::keys(2);
    for own in ["abc", "", "Conversation 7"] {
        let sent = scene.sent(chat(&[("x-session-id", "s"), (NAME, own)])).await;
        assert_eq!(sent.header(NAME), Some(own));
    }
}

#[tokio::test]
async fn no_other_request_gets_an_id() {
    let scene = Scene::keys(2);
    let named = [("x-session-id", "s")];
    let openai = "/v1/acct/gw/openai/v1/chat/completions";
    for request in [
        // Another provider, another API, no session, and a session only in the body.
        post(openai, &named, r#"{"model":"gpt-5"}"#),
        post("/v1/acct/gw/grok/v1/responses", &named, r#"{"model":"grok-4"}"#),
        post(RESPONSES, &named, r#"{"model":"gpt-5"}"#),
        chat(&[]),
        post(CHAT, &[], r#"{"model":"grok-4","prompt_cache_key":"p"}"#),
        chat(&[("x-session-id", "s"), ("cf-aig-no-session-affinity", "true")]),
    ] {
        let uri = request.uri().clone();
        assert_eq!(scene.sent(request).await.header(NAME), None, "{uri}");
    }
    let mut get = chat(&named);
    *get.method_mut() = http::Method::GET;
    assert_eq!(scene.sent(get).await.header(NAME), None);
    // A gateway with one key and no setting, and one with affinity switched off.
    for scene in [single(None), single(Some(false))] {
        assert_eq!(scene.sent(chat(&named)).await.header(NAME), None);
        assert_eq!(scene.end(), Default::default());
    }
}

#[tokio::test]
async fn the_id_is_sent_to_xai_on_any_path_or_step_and_to_no_other_provider() {
    let unified = "/v1/acct/gw/compat/chat/completions";
    let named = [("x-session-id", "s")];
    let scene = Scene::keys(2);
    let expected = scene.sent(chat(&named)).await.header(NAME).unwrap().to_owned();
    let sent = scene.sent(post(unified, &named, r#"{"model":"grok/grok-4"}"#)).await;
    assert_eq!(sent.header(NAME), Some(&*expected));
    for (model, chain, is_at) in [
        ("openai/gpt-5", FallbackChain::on("*").to("grok", "grok-4"), [false, true]),
        ("grok/grok-4", FallbackChain::on("*").to("openai", "gpt-5"), [true, false]),
    ] {
        let first = model.split('/').next().unwrap().to_owned();
        let settings = keys(2).fallback(chain);
        let scene = Scene::new(providers(), settings, ControlLayer::new(), move |sent| {
            let is_first =
                sent.uri.host().unwrap().contains(if first == "grok" { "x.ai" } else { &first });
            if is_first { status(500) } else { ok(sent) }
        });
        let body = format!(r#"{{"model":"{model}"}}"#);
        assert_eq!(scene.send(post(unified, &named, body)).await.status(), 200);
        let sent = scene.all_sent();
        let ids: Vec<_> = sent.iter().map(|sent| sent.header(NAME)).collect();
        assert_eq!(ids, is_at.map(|is_at| is_at.then_some(&*expected)), "{model}");
    }
}
