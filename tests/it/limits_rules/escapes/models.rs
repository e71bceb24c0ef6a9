//! A model counts as itself however it is named, spelt or hidden.

use super::*;

#[tokio::test]
async fn a_model_counts_the_same_under_any_name() {
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
async fn spelling_evades_no_filter_by_model_or_path() {
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
        "grok/v1/chat/completions;x",
        "grok/v1/chat/completions%20",
        "grok/v1/ch%2561t/completions",
    ];
    let paths = paths.map(|path| post(&format!("/v1/acct/gw/{path}"), "{}"));
    assert_eq!(by_path.statuses(paths).await, [200, 429, 429, 429, 429, 429, 429, 429]);
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
async fn an_unreadable_model_is_under_all_rules_about_models() {
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
async fn without_rules_about_models_ambiguous_bodies_pass() {
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
async fn a_batch_is_one_request_for_any_model_without_tokens() {
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
