//! The model of a request: by a default provider, an alias, or the path.

use std::sync::Arc;

use proptest::prelude::*;
use tower_ai_gateway::Provider;
use tower_ai_gateway::settings::{GatewaySettings, GatewaySettingsBuilder};

use crate::providers::scene::Scene;

const UNIFIED: &str = "POST /v1/acct/gw/compat/chat/completions";
const REST: &str = "POST /client/v4/accounts/acct/ai/v1/chat/completions";
const UNIVERSAL: &str = "POST /v1/acct/gw";

fn providers() -> Vec<Provider> {
    let places = [
        Provider::azure_openai("res").model_alias("gpt-5", "my-\"dep\"").model_alias("fast", "dep"),
        Provider::vertex_ai("proj", "us-central1"),
        Provider::bedrock("us-east-1"),
        Provider::workers_ai("0123abcd"),
    ];
    Provider::all().into_iter().chain(places).collect()
}

fn of(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Arc<GatewaySettings> {
    Arc::new(set(GatewaySettings::builder()).build().unwrap())
}

/// A gateway with these settings, whose layer has `grok` as the default provider.
fn scene(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    let settings = of(set);
    Scene::new(|layer| layer.providers(providers()).default_provider("xai").settings(settings))
}

#[tokio::test]
async fn a_model_without_a_provider_goes_unchanged_to_the_default() {
    let by_layer = scene(|of| of);
    let by_settings = scene(|of| of.default_provider("openrouter"));
    for line in [UNIFIED, REST] {
        for (scene, model, host, sent) in [
            (&by_layer, "grok-4", "api.x.ai", "grok-4"),
            (&by_layer, "meta-llama/llama-4", "api.x.ai", "meta-llama/llama-4"),
            (&by_layer, "openai/gpt-5", "api.openai.com", "gpt-5"),
            (&by_settings, "meta-llama/llama-4:free", "openrouter.ai", "meta-llama/llama-4:free"),
            (&by_settings, "grok-4", "openrouter.ai", "grok-4"),
            (&by_settings, "xai/grok-4", "api.x.ai", "grok-4"),
        ] {
            let around = |model: &str| format!("{{ \"a\":1e3,\"model\" : \"{model}\",\"é\":[]}}\n");
            let call = scene.send(line, &[], &around(model)).await.unwrap();
            assert_eq!((call.authority(), call.text()), (host, &*around(sent)), "{model}");
            assert_eq!(call.header("content-length"), Some(&*around(sent).len().to_string()));
            let end = scene.last();
            assert_eq!(end.request_model.as_deref(), Some(sent));
        }
    }
    let entry = r#"[{"provider":"compat","endpoint":"chat/completions","query":{"model":"a/b"}}]"#;
    let call = by_settings.send(UNIVERSAL, &[], entry).await.unwrap();
    assert_eq!((call.authority(), call.text()), ("openrouter.ai", r#"{"model":"a/b"}"#));
}

#[tokio::test]
async fn rules_apply_to_the_default_provider() {
    let scene = scene(|of| of.allow_providers(["openai"]).allow_models(["gpt-*"]));
    for (model, is_sent) in [("gpt-5", false), ("openai/gpt-5", true), ("openai/o3", false)] {
        let sent = scene.send(UNIFIED, &[], &format!(r#"{{"model":"{model}"}}"#)).await;
        match sent {
            Ok(call) => assert!(is_sent && call.authority() == "api.openai.com", "{model}"),
            Err((status, _)) => assert!(!is_sent && status == 403, "{model}: {status}"),
        }
    }
}

#[tokio::test]
async fn without_a_default_provider_a_model_must_name_one() {
    let plain = Scene::new(|layer| layer.providers(providers()));
    let missing = Scene::new(|layer| {
        layer.providers(providers()).settings(of(|of| of.default_provider("nobody")))
    });
    for scene in [&plain, &missing] {
        for (model, part) in [("gpt-5", "must also name the provider"), ("meta/x", "`meta/`")] {
            let body = format!(r#"{{"model":"{model}"}}"#);
            let (status, answer) = scene.send(UNIFIED, &[], &body).await.unwrap_err();
            assert_eq!(status, 400);
            assert!(answer.contains(part) && answer.contains("2008"), "{answer}");
        }
    }
    // Neither is a valid model.
    for model in ["", "/x", "x/", r"\ud800"] {
        let body = format!(r#"{{"model":"{model}"}}"#);
        let refused = scene(|of| of).send(UNIFIED, &[], &body).await.unwrap_err();
        assert_eq!(refused.0, 400, "{model}");
    }
}

#[tokio::test]
async fn an_alias_names_a_model_of_its_provider_only() {
    let scene = scene(|of| of);
    for line in [UNIFIED, REST] {
        for (model, host, sent) in [
            ("azure-openai/gpt-5", "res.openai.azure.com", r#"my-\"dep\""#),
            (r"azure\/f\u0061st", "res.openai.azure.com", "dep"),
            ("azure/gpt-5-mini", "res.openai.azure.com", "gpt-5-mini"),
            ("openai/gpt-5", "api.openai.com", "gpt-5"),
        ] {
            let around =
                |model: &str| format!("{{\"n\":{{\"model\":\"gpt-5\"}},\"model\":\"{model}\"}}");
            let call = scene.send(line, &[], &around(model)).await.unwrap();
            assert_eq!((call.authority(), call.text()), (host, &*around(sent)), "{model}");
            assert_eq!(call.header("content-length"), Some(&*around(sent).len().to_string()));
        }
    }
    let entry =
        r#"[{"provider":"compat","endpoint":"chat/completions","query":{"model":"azure/fast"}}]"#;
    assert_eq!(scene.send(UNIVERSAL, &[], entry).await.unwrap().text(), r#"{"model":"dep"}"#);
    // On the provider's own paths, bodies pass unchanged.
    let body = r#"{"model":"fast"}"#;
    let call = scene.send("POST /v1/acct/gw/azure/v1/responses", &[], body).await.unwrap();
    assert_eq!(call.text(), body);
}

#[tokio::test]
async fn rules_check_the_model_behind_an_alias() {
    for (allow, deny, is_sent) in [
        (&["dep"][..], &[][..], true),
        (&["fast"], &[], false),
        (&["*"], &["dep"], false),
        (&["*"], &["fast"], true),
    ] {
        let scene = scene(|of| of.allow_models(allow).deny_models(deny));
        let sent = scene.send(UNIFIED, &[], r#"{"model":"azure/fast"}"#).await;
        assert_eq!(sent.is_ok(), is_sent, "{allow:?} {deny:?}: {sent:?}");
    }
}

/// A path with a model, and that model.
const IN_PATHS: &[(&str, &str)] = &[
    ("azure-openai/res/my-dep/chat/completions", "my-dep"),
    ("azure-openai/openai/deployments/my%2Ddep/chat/completions", "my-dep"),
    ("google-ai-studio/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
    ("google-ai-studio/v1beta/models/gemini-2%2E5-pro%3AgenerateContent", "gemini-2.5-pro"),
    ("google-ai-studio/v1beta/tunedModels/mine:generateContent", "tunedModels/mine"),
    (
        "google-vertex-ai/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro:streamGenerateContent",
        "gemini-2.5-pro",
    ),
    (
        "google-vertex-ai/v1/projects/p/locations/us-central1/publishers/anthropic/models/claude-opus-5@20260101:rawPredict",
        "claude-opus-5@20260101",
    ),
    ("aws-bedrock/bedrock-runtime/us-east-1/model/us.claude-v1%3A0/converse", "us.claude-v1:0"),
    (
        "aws-bedrock/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.claude/invoke",
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.claude",
    ),
    ("workers-ai/@cf/meta/llama-3.1-8b-instruct", "@cf/meta/llama-3.1-8b-instruct"),
    ("workers-ai/run/@cf/meta/llama-3.1-8b-instruct", "@cf/meta/llama-3.1-8b-instruct"),
    ("huggingface/hf-inference/models/org/name", "org/name"),
    ("replicate/v1/models/owner/name/predictions", "owner/name"),
];

#[tokio::test]
async fn the_model_in_a_path_is_reported_to_hooks() {
    let scene = scene(|of| of);
    for (path, model) in IN_PATHS {
        let call = scene.send(&format!("POST /v1/acct/gw/{path}"), &[], "{}").await.unwrap();
        let end = scene.last();
        assert_eq!(end.request_model.as_deref(), Some(*model), "{path}: {}", call.uri);
    }
    // The body's model is reported if the provider reads it, and not if the path decides.
    let body = r#"{"model":"gpt-5"}"#;
    for (path, model) in [
        ("azure-openai/res/my-dep/chat/completions", "my-dep"),
        ("azure-openai/v1/responses", "gpt-5"),
        ("openai/v1/chat/completions", "gpt-5"),
    ] {
        scene.send(&format!("POST /v1/acct/gw/{path}"), &[], body).await.unwrap();
        let end = scene.last();
        assert_eq!(end.request_model.as_deref(), Some(model), "{path}");
    }
    // Paths that only show models call none.
    let line = "GET /v1/acct/gw/openai/v1/models/gpt-5";
    scene.send(line, &[], "").await.unwrap();
    assert_eq!(scene.last().request_model, None);
}

#[tokio::test]
async fn a_model_in_a_path_must_be_allowed() {
    for (path, model) in IN_PATHS {
        let line = format!("POST /v1/acct/gw/{path}");
        for (allow, deny, is_sent) in [
            (vec![*model], vec![], true),
            (vec!["other"], vec![], false),
            (vec!["*"], vec![*model], false),
            (vec!["*"], vec!["other"], true),
        ] {
            let scene = scene(|of| of.allow_models(allow.clone()).deny_models(deny.clone()));
            let sent = scene.send(&line, &[], "{}").await;
            assert_eq!(sent.is_ok(), is_sent, "{path} {allow:?} {deny:?}: {sent:?}");
        }
    }
}

#[tokio::test]
async fn on_a_deployments_path_the_deployment_overrides_the_body() {
    let scene = scene(|of| of.allow_models(["my-dep"]).refuse_served_models());
    let body = r#"{"model":"gpt-5"}"#;
    for (path, is_sent) in [
        ("azure-openai/res/my-dep/chat/completions", true),
        ("azure-openai/openai/deployments/my-dep/chat/completions", true),
        ("azure-openai/res/other/chat/completions", false),
        ("azure-openai/v1/chat/completions", false),
        ("openai/v1/chat/completions", false),
        ("openai/deployments/my-dep/chat/completions", false),
    ] {
        let sent = scene.send(&format!("POST /v1/acct/gw/{path}"), &[], body).await;
        assert_eq!(sent.is_ok(), is_sent, "{path}: {sent:?}");
    }
    let end = scene.events.ends.lock().unwrap()[0].clone();
    assert_eq!(end.outcome, tower_ai_gateway::Outcome::Complete);
    // In the newer API, the body's model decides: it is the name of a deployment.
    let body = r#"{"model":"my-dep"}"#;
    let line = "POST /v1/acct/gw/azure-openai/v1/chat/completions";
    assert!(scene.send(line, &[], body).await.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_the_model_changes_in_any_context(
        before in "[ \\t]{0,3}",
        key in prop::sample::select(&[r#""model":"#, r#""mod\u0065l" : "#][..]),
        model in prop::sample::select(&["azure/gpt-5", "azure/fast", "gpt-5", "x/y", "openai/gpt-5"][..]),
        after in prop::sample::select(&["}", r#","model_":{"model":"azure/fast"},"é":"é"}"#, " ,\"a\":1e3}\n"][..]),
    ) {
        let sent = match model {
            "azure/gpt-5" => r#"my-\"dep\""#,
            "azure/fast" => "dep",
            "openai/gpt-5" => "gpt-5",
            whole => whole,
        };
        let with = |model: &str| format!("{{{before}{key}\"{model}\"{after}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let call = runtime.block_on(scene(|of| of).send(UNIFIED, &[], &with(model))).unwrap();
        prop_assert_eq!(call.text(), with(sent));
    }
}
