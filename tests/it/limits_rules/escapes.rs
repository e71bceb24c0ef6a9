//! No variation by a client moves its usage to another counter.

mod models;
mod paths;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower_ai_gateway::Identity;
use tower_ai_gateway::settings::limits::{CountBy, LimitRule};
use tower_ai_gateway::settings::{GatewaySettingsBuilder, GatewayToken, Secret};

use super::scene::post;
use super::{Scene, chat, fixed};

type Sent = Request<Full<Bytes>>;

fn with(mut request: Sent, name: &'static str, value: &str) -> Sent {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn model(name: &str) -> Sent {
    chat(format!(r#"{{"model":"{name}"}}"#))
}

/// Checks that all of these count together: with a limit of one less, the last is refused.
async fn count_together(by: CountBy, requests: Vec<Sent>) {
    count_with(|set| set, by, requests).await;
}

async fn count_with(
    set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
    by: CountBy,
    requests: Vec<Sent>,
) {
    let most = requests.len() as u64 - 1;
    let name = format!("{by:?}");
    let scene = Scene::new(|own| set(own).limit(LimitRule::requests("r", most, fixed()).by(by)));
    let mut expected = vec![200; requests.len()];
    *expected.last_mut().unwrap() = 429;
    assert_eq!(scene.statuses(requests).await, expected, "{name}");
}

/// Checks that these count separately.
async fn count_apart(by: CountBy, requests: Vec<Sent>) {
    let name = format!("{by:?}");
    let scene = Scene::new(|own| own.limit(LimitRule::requests("r", 1, fixed()).by(by)));
    let expected = vec![200; requests.len()];
    assert_eq!(scene.statuses(requests).await, expected, "{name}");
}

#[tokio::test]
async fn unknown_ids_with_the_same_settings_count_together() {
    let path = |ids: &str| post(&format!("/v1/{ids}/grok/v1/chat/completions"), "{}");
    let scene = Scene::new(|set| set.limit(LimitRule::requests("r", 1, fixed())));
    let requests = [path("acct/gw"), path("acct/other"), path("other/gw"), path("a/b")];
    assert_eq!(scene.statuses(requests).await, [200, 429, 429, 429]);
}

#[tokio::test]
async fn a_credential_counts_the_same_in_any_spelling() {
    let key = |value: &str| with(chat("{}"), "authorization", value);
    count_together(
        CountBy::Credential,
        vec![key("Bearer sk-one"), key("bearer sk-one"), key("BEARER   sk-one")],
    )
    .await;
    count_apart(CountBy::Credential, vec![key("Bearer sk-one"), key("Bearer sk-two")]).await;
}

#[tokio::test]
async fn a_gateway_token_counts_the_same_in_any_place() {
    let tokens = |set: GatewaySettingsBuilder| {
        let key = Secret::new("sk-stored").unwrap();
        let set = set.token(GatewayToken::new("token-one")).token(GatewayToken::new("token-two"));
        set.key("grok", key)
    };
    let bare = || {
        let mut request = chat("{}");
        request.headers_mut().remove("authorization");
        request
    };
    count_with(
        tokens,
        CountBy::Token,
        vec![
            with(bare(), "cf-aig-authorization", "Bearer token-one"),
            with(bare(), "cf-aig-authorization", "bearer  token-one"),
            with(bare(), "cf-aig-authorization", "token-one"),
            with(bare(), "authorization", "Bearer token-one"),
            with(bare(), "x-api-key", "token-one"),
        ],
    )
    .await;
    let scene = Scene::new(|set| {
        tokens(set).limit(LimitRule::requests("r", 1, fixed()).by(CountBy::Token))
    });
    let of = |token: &str| with(bare(), "cf-aig-authorization", token);
    let requests = [of("token-one"), of("token-two"), of("token-one"), of("token-two")];
    assert_eq!(scene.statuses(requests).await, [200, 200, 429, 429]);
}

#[tokio::test]
async fn metadata_counts_by_its_text_and_the_hosts_takes_precedence() {
    let metadata = |json: &str| with(chat("{}"), "cf-aig-metadata", json);
    count_together(
        CountBy::metadata("team"),
        vec![
            metadata(r#"{"team":1}"#),
            metadata(r#"{"team":"1"}"#),
            metadata(r#"{"x":2,"team":1}"#),
        ],
    )
    .await;
    count_with(
        |set| set.metadata("team", "red"),
        CountBy::metadata("team"),
        vec![metadata(r#"{"team":"blue"}"#), metadata(r#"{"team":"green"}"#), chat("{}")],
    )
    .await;
    count_apart(
        CountBy::metadata("team"),
        vec![metadata(r#"{"team":"blue"}"#), metadata(r#"{"team":"green"}"#), chat("{}")],
    )
    .await;
}

#[tokio::test]
async fn a_subject_is_the_hosts_and_not_a_claim() {
    let of = |subject: &str, team: &str| {
        let identity = Identity::builder(subject).label("team", team).build().unwrap();
        let mut request = chat("{}");
        request.extensions_mut().insert(identity);
        request
    };
    let claims = |request, name: &str| with(request, "cf-aig-metadata", name);
    let both = || vec![of("ann", "red"), claims(of("ann", "blue"), r#"{"subject":"bob"}"#)];
    count_together(CountBy::Subject, both()).await;
    count_together(CountBy::label("team"), vec![of("ann", "red"), of("bob", "red")]).await;
    count_apart(CountBy::label("team"), both()).await;
    count_apart(CountBy::Subject, vec![of("ann", "red"), of("bob", "red"), chat("{}")]).await;
    count_together(CountBy::Subject, vec![chat("{}"), chat("{}")]).await;
}

#[tokio::test]
async fn the_hosts_function_chooses_the_counter_and_may_panic() {
    #[derive(Clone)]
    struct Tenant(&'static str);
    let by = || {
        CountBy::host(|extensions| {
            let tenant = extensions.get::<Tenant>().map(|tenant| tenant.0)?;
            assert_ne!(tenant, "bad");
            Some(tenant.to_owned())
        })
    };
    let of = |tenant| {
        let mut request = chat("{}");
        request.extensions_mut().insert(Tenant(tenant));
        request
    };
    count_together(by(), vec![of("a"), of("a")]).await;
    count_apart(by(), vec![of("a"), of("b")]).await;
    let scene = Scene::new(|set| set.limit(LimitRule::requests("r", 1, fixed()).by(by())));
    assert_eq!(scene.ask(of("bad")).await.0, 503);
    assert!(scene.sent().is_empty());
}

#[tokio::test]
async fn a_universal_request_counts_once_by_its_entry() {
    let entry = |model: &str| {
        format!(
            r#"{{"provider":"grok","endpoint":"v1/chat/completions","headers":{{"authorization":"Bearer k"}},"query":{{"model":"{model}","max_tokens":3}}}}"#
        )
    };
    let universal = |models: &[&str]| {
        let entries: Vec<_> = models.iter().map(|model| entry(model)).collect();
        post("/v1/acct/gw", format!("[{}]", entries.join(",")))
    };
    let (status, body) = Scene::new(|set| set).ask(universal(&["grok-4"])).await;
    assert!(status == 200 && body.contains("usage"), "{body}");
    count_together(CountBy::Model, vec![model("grok-4"), universal(&["grok-4", "grok-3"])]).await;
    count_apart(CountBy::Model, vec![model("grok-4"), universal(&["grok-3", "grok-4"])]).await;
}

#[tokio::test]
async fn open_streams_count() {
    use super::Reply;
    use super::scene::Finish;
    let scene = Scene::new(|set| set.limit(LimitRule::requests("r", 2, fixed())));
    scene.replies((0..2).map(|_| Reply::stream(1, None, Finish::GoesOn)));
    let open = [scene.send(chat("{}")).await, scene.send(chat("{}")).await];
    assert_eq!(scene.ask(chat("{}")).await.0, 429);
    drop(open);
    assert_eq!(scene.ask(chat("{}")).await.0, 429, "they have counted");

    // Of tokens they hold what was expected, then what was seen.
    let body = r#"{"model":"grok-4","max_tokens":100}"#;
    let scene = Scene::new(|set| set.limit(LimitRule::output_tokens("t", 250, fixed())));
    scene.replies([Reply::stream(1, Some((1, 1)), Finish::Ends)]);
    scene.ask(chat(body)).await;
    scene.replies((0..2).map(|_| Reply::stream(1, None, Finish::GoesOn)));
    let open = [scene.send(chat(body)).await, scene.send(chat(body)).await];
    assert_eq!(scene.ask(chat(body)).await.0, 429);
    drop(open);
    scene.replies([Reply::used(1, 1)]);
    assert_eq!(scene.ask(chat(body)).await.0, 200);
    assert!(scene.end().used("t") < 100, "{:?}", scene.end());
}
