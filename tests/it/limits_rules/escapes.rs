//! No variation by a client moves its usage to another counter.

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
async fn a_model_is_one_however_it_is_named() {
    let unified = |name: &str| {
        post("/v1/acct/gw/compat/chat/completions", format!(r#"{{"model":"{name}"}}"#))
    };
    count_together(
        CountBy::Model,
        vec![
            model("grok-4"),
            model("GROK-4"),
            model(" grok-4 "),
            model("\\u0067rok-4"),
            model("models/grok-4"),
            unified("grok/grok-4"),
            unified("xai/grok-4"),
            chat(r#"{"messages":[],"stream":false,"model":"grok-4"}"#),
        ],
    )
    .await;
    count_apart(CountBy::Model, vec![model("grok-4"), model("grok-3"), unified("openai/grok-4")])
        .await;
    let google = |path: &str| post(&format!("/v1/acct/gw/google-ai-studio/{path}"), "{}");
    count_together(
        CountBy::Model,
        vec![
            google("v1beta/models/gemini-2.5-pro:generateContent"),
            google("v1beta/models/gemini-2.5-pro:streamGenerateContent"),
            google("v1beta/models/gemini%2D2.5-pro:generateContent"),
            google("v1/models/Gemini-2.5-Pro:generateContent"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_filter_by_model_or_path_is_not_evaded_by_spelling() {
    let rule = || LimitRule::requests("r", 1, fixed());
    let by_model = Scene::new(|set| set.limit(rule().only_models(["grok-4*"])));
    let names = ["grok-4", "Grok-4", "x-ai/grok-4", "grok-4:free", "models/grok-4"];
    let statuses = by_model.statuses(names.map(model)).await;
    assert_eq!(statuses, [200, 429, 429, 429, 429]);
    assert_eq!(by_model.ask(model("grok-3")).await.0, 200);
    let by_path = Scene::new(|set| set.limit(rule().only_paths(["chat/completions"])));
    let paths = [
        "grok/v1/chat/completions",
        "grok/chat/completions",
        "xai/v1/chat/completions",
        "grok/v1/%63hat/completions",
        "grok/v1//chat/completions",
    ];
    let paths = paths.map(|path| post(&format!("/v1/acct/gw/{path}"), "{}"));
    assert_eq!(by_path.statuses(paths).await, [200, 429, 429, 429, 429]);
}

const FORM_IN_JSON: &str = "{\"model\":\"cheap\",\"x\":\"\r\n--b\r\ncontent-disposition: form-data; name=model\r\n\r\ngrok-4\r\n--b--\r\n\"}";

/// The same as the entry of a universal request.
fn form_in_entry() -> Sent {
    let head = r#""provider":"grok","endpoint":"v1/chat/completions""#;
    let headers =
        r#"{"authorization":"Bearer k","content-type":"multipart/form-data; boundary=b"}"#;
    post("/v1/acct/gw", format!(r#"[{{{head},"headers":{headers},"query":{FORM_IN_JSON}}}]"#))
}

#[tokio::test]
async fn a_model_that_cannot_be_read_is_under_all_rules_about_models() {
    let scene =
        Scene::new(|set| set.limit(LimitRule::requests("r", 1, fixed()).only_models(["grok-4"])));
    assert_eq!(scene.ask(model("grok-4")).await.0, 200);
    for hidden in [
        chat(r#"{"model":4}"#),
        chat("no object"),
        with(chat("\x1f\x08"), "content-encoding", "gzip"),
        // Not a text: a provider may take it for something near it.
        chat(&b"{\"model\":\"grok-4\xff\"}"[..]),
        chat(r#"{"model":"grok-4\x"}"#),
        chat(r#"{"model":"cheap",/**/"model":"grok-4"}"#),
        // JSON to us, and a form to a provider that does not look at what precedes its first part.
        with(chat(FORM_IN_JSON), "content-type", "multipart/form-data; boundary=b"),
        form_in_entry(),
    ] {
        let shown = format!("{hidden:?}");
        assert_eq!(scene.ask(hidden).await.0, 429, "{shown}");
    }
    let upload = post("/v1/acct/gw/openai/v1/files", "--x");
    assert_eq!(scene.ask(upload).await.0, 200, "it runs none");
}

/// Rules go by one of the two, and a provider may use the other.
async fn refuses_two_models(request: fn(&str) -> Sent) {
    let twice = [
        r#"{"model":"grok-3","model":"grok-4"}"#,
        r#"{"model":"grok-3","Model":"grok-4"}"#,
        r#"{"MODEL":"grok-4","model":"grok-3"}"#,
        r#"{"model":"grok-3","m\u006fdel":"grok-4"}"#,
        // To some readers this is the model, and rules would find none.
        r#"{"Model":"grok-4"}"#,
    ];
    let rules = [
        LimitRule::requests("r", 9, fixed()).only_models(["grok-4"]),
        LimitRule::requests("r", 9, fixed()).by(CountBy::Model),
        LimitRule::usd("r", 9.0, fixed()),
    ];
    for rule in rules {
        let scene = Scene::new(|set| set.limit(rule.clone()));
        for body in twice {
            let (status, answer) = scene.ask(request(body)).await;
            assert!(status == 400 && answer.contains("model"), "{body}: {status} {answer}");
        }
        assert!(scene.sent().is_empty(), "{rule:?}");
        // Below the top it is none of the request's.
        let below = r#"{"model":"grok-3","metadata":{"model":"a","Model":"b"}}"#;
        assert_eq!(scene.ask(request(below)).await.0, 200);
    }
}

#[tokio::test]
async fn two_models_are_refused_on_a_providers_path() {
    refuses_two_models(|body| chat(body.to_owned())).await;
}

#[tokio::test]
async fn two_models_are_refused_on_the_unified_path() {
    refuses_two_models(|body| {
        let body = body.replace("grok-", "grok/grok-");
        post("/v1/acct/gw/compat/chat/completions", body)
    })
    .await;
}

#[tokio::test]
async fn two_models_are_refused_in_an_entry() {
    refuses_two_models(|body| {
        let head = r#""provider":"grok","endpoint":"v1/chat/completions""#;
        let entry =
            format!(r#"[{{{head},"headers":{{"authorization":"Bearer k"}},"query":{body}}}]"#);
        post("/v1/acct/gw", entry)
    })
    .await;
}

#[tokio::test]
async fn what_no_rule_goes_by_passes_untouched() {
    let scene = Scene::new(|set| {
        set.limit(LimitRule::requests("r", 9, fixed())).limit(LimitRule::tokens(
            "t",
            90_000,
            fixed(),
        ))
    });
    for body in [r#"{"model":"a","model":"b"}"#, r#"{"model":"a","Model":"b"}"#, r#"{"Model":1}"#] {
        assert_eq!(scene.ask(chat(body)).await.0, 200, "{body}");
    }
}

/// What they cost is not known when they are ordered, and is billed by the provider later.
#[tokio::test]
async fn a_batch_is_one_request_to_any_model_and_uses_no_tokens() {
    let batches = [
        ("openai/v1/batches", r#"{"input_file_id":"f","endpoint":"/v1/responses"}"#),
        ("grok/v1/batches", r#"{"name":"b"}"#),
        ("grok/v1/batches/b_1/requests", r#"{"batch_requests":[{},{}]}"#),
        ("openai/v1/messages/batches", r#"{"requests":[{"params":{"model":"grok-4"}}]}"#),
    ];
    let batch = |(path, body)| post(&format!("/v1/acct/gw/{path}"), body);
    let count = batches.len() as u64;
    let rules: [fn(LimitRule) -> LimitRule; 3] = [
        |rule| rule,
        |rule| rule.only_models(["grok-4"]),
        |rule| rule.only_paths(["batches", "messages/batches"]),
    ];
    for rule in rules {
        let rule = rule(LimitRule::requests("r", count - 1, fixed()));
        let scene =
            Scene::new(|set| set.limit(rule.clone()).limit(LimitRule::tokens("t", 1, fixed())));
        let statuses = scene.statuses(batches.map(batch)).await;
        assert_eq!(statuses, [200, 200, 200, 429], "{rule:?}");
    }
    // What stands where the provider does not look makes nobody another.
    let of_model = LimitRule::requests("r", 1, fixed()).only_models(["grok-4"]);
    let scene = Scene::new(|set| set.limit(of_model));
    let beside = [
        (
            "openai/v1/messages/batches",
            r#"{"model":"cheap","requests":[{"params":{"model":"grok-4"}}]}"#,
        ),
        ("grok/v1/batches", r#"{"model":"cheap","name":"b"}"#),
        ("openai/v1/realtime/client_secrets", r#"{"model":"cheap","session":{"model":"grok-4"}}"#),
        ("openai/v1/evals/e_1/runs", r#"{"model":"cheap","data_source":{"model":"grok-4"}}"#),
        ("openai/v1/realtime/sessions", r#"{"model":"grok-4"}"#),
    ];
    assert_eq!(scene.statuses(beside.map(batch)).await, [200, 429, 429, 429, 429]);
    let cheap = batch(("openai/v1/realtime/sessions", r#"{"model":"cheap"}"#));
    assert_eq!(scene.ask(cheap).await.0, 200, "it is the session's");
    // What runs none is under no rule about models.
    let of_model = LimitRule::requests("r", 1, fixed()).only_models(["grok-4"]);
    let scene = Scene::new(|set| set.limit(of_model));
    let free = |path| post(&format!("/v1/acct/gw/openai/v1/{path}"), "{}");
    let statuses =
        scene.statuses(["batches/b_1/cancel", "batches/b_2/cancel", "files"].map(free)).await;
    assert_eq!(statuses, [200, 200, 200]);
    // By model they count together at each provider, for theirs are not known.
    let by_model = LimitRule::requests("r", 1, fixed()).by(CountBy::Model);
    let scene = Scene::new(|set| set.limit(by_model));
    let statuses = scene.statuses([batches[0], batches[0], batches[1]].map(batch)).await;
    assert_eq!(statuses, [200, 429, 200]);
}

#[tokio::test]
async fn ids_in_the_path_that_lead_to_the_same_settings_count_together() {
    let path = |ids: &str| post(&format!("/v1/{ids}/grok/v1/chat/completions"), "{}");
    let scene = Scene::new(|set| set.limit(LimitRule::requests("r", 1, fixed())));
    let requests = [path("acct/gw"), path("acct/other"), path("other/gw"), path("a/b")];
    assert_eq!(scene.statuses(requests).await, [200, 429, 429, 429]);
}

#[tokio::test]
async fn a_credential_is_one_however_it_is_shown() {
    let key = |value: &str| with(chat("{}"), "authorization", value);
    count_together(
        CountBy::Credential,
        vec![key("Bearer sk-one"), key("bearer sk-one"), key("BEARER   sk-one")],
    )
    .await;
    count_apart(CountBy::Credential, vec![key("Bearer sk-one"), key("Bearer sk-two")]).await;
}

#[tokio::test]
async fn a_gateway_token_is_one_wherever_it_stands() {
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
async fn metadata_counts_by_its_text_and_the_hosts_goes_first() {
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
async fn a_subject_is_whom_the_host_says() {
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
async fn the_hosts_function_says_where_a_request_counts_and_may_panic() {
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
async fn each_universal_request_counts_once_and_by_its_entry() {
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
async fn streams_that_are_left_open_count() {
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
