//! Requests of each provider's clients with the base URL from the hosted gateway's documentation,
//! and their upstream URLs.

mod table;

use http::Uri;
use proptest::prelude::*;
use tower_ai_gateway::{GatewayLayer, Provider};

use self::table::TABLE;
use crate::providers::scene::Scene;

/// All providers, one of each kind that depends on a location, and a second one of three of them.
fn scene() -> Scene {
    let places = [
        Provider::azure_openai("res"),
        Provider::azure_openai("Other-Res").with_slug("azure-other"),
        Provider::vertex_ai("proj", "us-central1"),
        Provider::vertex_ai("proj", "global").with_slug("vertex-global"),
        Provider::vertex_ai("proj", "eu").with_slug("vertex-eu"),
        Provider::bedrock("us-east-1"),
        Provider::bedrock("eu-west-1").with_slug("bedrock-eu"),
        Provider::bedrock_mantle("us-east-1"),
        Provider::workers_ai("0123abcd"),
        Provider::custom("ollama", "http://127.0.0.1:11434/v1"),
    ];
    Scene::new(|layer| layer.providers(Provider::all()).providers(places))
}

#[tokio::test]
async fn every_client_works_with_the_hosted_gateways_base_urls() {
    let scene = scene();
    for (base, client, added, upstream) in TABLE {
        let sent = scene.send(&format!("POST /v1/acct/gw/{base}{added}"), &[], "{}").await;
        let call = sent.unwrap_or_else(|answer| panic!("{client} at {base}{added}: {answer:?}"));
        assert_eq!(call.uri, *upstream, "{client} at {base}");
    }
}

#[tokio::test]
async fn an_entry_is_routed_like_a_native_path() {
    let scene = scene();
    for (base, client, added, upstream) in TABLE {
        let (slug, rest) = base.split_once('/').unwrap_or((base, ""));
        let endpoint = format!("{rest}{added}");
        let body = serde_json::json!([{"provider": slug, "endpoint": endpoint, "query": {}}]);
        let sent = scene.send("POST /v1/acct/gw", &[], &body.to_string()).await;
        let call = sent.unwrap_or_else(|answer| panic!("{client} at {base}{added}: {answer:?}"));
        assert_eq!(call.uri, *upstream, "{client} at {base}");
    }
}

#[tokio::test]
async fn a_model_with_a_prefix_leads_to_the_providers_openai_api() {
    let scene = scene();
    for (model, upstream, name) in [
        ("cohere/command-a", "https://api.cohere.ai/compatibility/v1", "command-a"),
        (
            "fireworks/accounts/fireworks/models/x",
            "https://api.fireworks.ai/inference/v1",
            "accounts/fireworks/models/x",
        ),
        ("together/meta-llama/x", "https://api.together.ai/v1", "meta-llama/x"),
        ("moonshot/kimi-k3", "https://api.moonshot.ai/v1", "kimi-k3"),
        (
            "huggingface/openai/gpt-oss-120b:groq",
            "https://router.huggingface.co/v1",
            "openai/gpt-oss-120b:groq",
        ),
        ("baseten/moonshotai/Kimi-K2", "https://inference.baseten.co/v1", "moonshotai/Kimi-K2"),
        ("parallel/speed", "https://api.parallel.ai", "speed"),
        ("azure-openai/my-deployment", "https://res.openai.azure.com/openai/v1", "my-deployment"),
        ("azure-other/d", "https://other-res.openai.azure.com/openai/v1", "d"),
        (
            "google-vertex-ai/google/gemini-2.5-pro",
            "https://us-central1-aiplatform.googleapis.com/v1/projects/proj/locations/us-central1/endpoints/openapi",
            "google/gemini-2.5-pro",
        ),
        (
            "aws-bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        ),
        (
            "workers-ai/@cf/meta/llama-3.1-8b-instruct",
            "https://api.cloudflare.com/client/v4/accounts/0123abcd/ai/v1",
            "@cf/meta/llama-3.1-8b-instruct",
        ),
        ("ollama/llama3:8b", "http://127.0.0.1:11434/v1", "llama3:8b"),
    ] {
        let body = format!(r#"{{ "n":1, "model" : "{model}" }}"#);
        let sent =
            scene.send("POST /v1/acct/gw/compat/chat/completions", &[], &body).await.unwrap();
        assert_eq!(sent.uri.to_string(), format!("{upstream}/chat/completions"), "{model}");
        assert_eq!(sent.text(), format!(r#"{{ "n":1, "model" : "{name}" }}"#));
    }
}

#[tokio::test]
async fn perplexitys_chat_completions_have_no_version() {
    let scene = scene();
    for (endpoint, upstream) in [
        ("chat/completions", "https://api.perplexity.ai/chat/completions"),
        ("responses", "https://api.perplexity.ai/v1/responses"),
        ("embeddings", "https://api.perplexity.ai/v1/embeddings"),
    ] {
        let line = format!("POST /v1/acct/gw/compat/{endpoint}");
        let sent = scene.send(&line, &[], r#"{"model":"perplexity/sonar"}"#).await.unwrap();
        assert_eq!(sent.uri, *upstream);
        assert_eq!(sent.text(), r#"{"model":"sonar"}"#);
    }
}

#[tokio::test]
async fn messages_lead_to_the_providers_own_messages_path() {
    let scene = scene();
    for (model, upstream) in [
        ("anthropic/claude-opus-5", "https://api.anthropic.com/v1/messages?beta=true"),
        ("grok/grok-4", "https://api.x.ai/v1/messages?beta=true"),
        ("deepseek/deepseek-pro", "https://api.deepseek.com/anthropic/v1/messages?beta=true"),
        ("moonshot/kimi-k3", "https://api.moonshot.ai/anthropic/v1/messages?beta=true"),
        ("openrouter/x/y", "https://openrouter.ai/api/v1/messages?beta=true"),
        (
            "aws-bedrock-mantle/anthropic.claude-opus-5",
            "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages?beta=true",
        ),
    ] {
        let body = format!(r#"{{"model":"{model}"}}"#);
        for line in [
            "POST /v1/acct/gw/compat/v1/messages?beta=true",
            "POST /client/v4/accounts/acct/ai/v1/messages?beta=true",
        ] {
            let call = scene.send(line, &[], &body).await.unwrap();
            assert_eq!(call.uri, *upstream, "{model}");
        }
    }
}

#[tokio::test]
async fn a_site_that_is_not_set_up_is_refused() {
    let scene = scene();
    for (path, named) in [
        ("azure-openai/foreign/dep/chat/completions", "foreign"),
        ("azure-openai/evil.example/dep/chat/completions", "evil.example"),
        ("azure-openai/res%2Eevil/dep/chat/completions", "res%2Eevil"),
        ("azure-openai/dep/chat/completions", "dep"),
        ("aws-bedrock/bedrock-runtime/ap-south-1/model/a/invoke", "bedrock-runtime/ap-south-1"),
        ("aws-bedrock/bedrock-mantle/eu-west-1/v1/responses", "bedrock-mantle/eu-west-1"),
        ("aws-bedrock/bedrock-runtime/evil.example/model/a/invoke", "bedrock-runtime/evil.example"),
        (
            "google-vertex-ai/v1/projects/p/locations/asia-east1/publishers/google/models/m:predict",
            "asia-east1",
        ),
    ] {
        let (status, answer) =
            scene.send(&format!("POST /v1/acct/gw/{path}"), &[], "{}").await.unwrap_err();
        assert_eq!(status, 400, "{path}: {answer}");
        assert!(answer.contains("2008") && answer.contains(&format!("`{named}`")), "{answer}");
        let (slug, endpoint) = path.split_once('/').unwrap();
        let body = serde_json::json!([{"provider": slug, "endpoint": endpoint, "query": {}}]);
        let entry = scene.send("POST /v1/acct/gw", &[], &body.to_string()).await.unwrap_err();
        assert_eq!(entry.0, 400, "{path}: {entry:?}");
        assert!(entry.1.contains(&format!("`{named}`")), "{entry:?}");
    }
}

#[test]
fn a_part_of_a_site_cannot_change_its_host() {
    for part in [
        "",
        "a.b",
        "evil.example/",
        "a/b",
        "a b",
        "a@b",
        "a:1",
        "a#",
        "a?",
        "-a",
        "a-",
        "é",
        "a\n",
        &"a".repeat(64),
    ] {
        for provider in [
            Provider::azure_openai(part),
            Provider::vertex_ai("p", part),
            Provider::bedrock(part),
            Provider::bedrock_mantle(part),
            Provider::workers_ai(part),
        ] {
            let slug = provider.slug().to_owned();
            let refused = GatewayLayer::builder().provider(provider).build().unwrap_err();
            let text = refused.to_string();
            assert!(text.contains(&slug) && text.contains("1 to 63"), "{part:?}: {text}");
        }
    }
    for project in ["", "a/b", "..", "a b", "p?x"] {
        let provider = Provider::vertex_ai(project, "eu");
        let refused = GatewayLayer::builder().provider(provider).build().unwrap_err();
        assert!(refused.to_string().contains("project"), "{project:?}: {refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_path_leads_to_another_host(
        slug in prop::sample::select(vec![
            "azure-openai", "azure-other", "azure", "google-vertex-ai", "vertex-eu", "aws-bedrock",
            "bedrock-eu", "aws-bedrock-mantle", "workers-ai", "huggingface", "baseten", "replicate", "cohere",
        ]),
        parts in prop::collection::vec(prop::sample::select(vec![
            "/", "//", "res", "other-res", "evil.example", "@evil.example", "evil.example:80", "https:",
            "bedrock-runtime", "bedrock-mantle", "us-east-1", "eu-west-1", "v1", "projects", "p", "locations",
            "global", "eu", "model", "deployments", "openai", "%2f", "%2e", ".", "\\", "@cf", ":", "?host=evil.example",
        ]), 0..9),
    ) {
        let own = [
            "res.openai.azure.com", "other-res.openai.azure.com", "us-central1-aiplatform.googleapis.com",
            "aiplatform.googleapis.com", "aiplatform.eu.rep.googleapis.com", "bedrock-runtime.us-east-1.amazonaws.com",
            "bedrock-runtime.eu-west-1.amazonaws.com", "bedrock-mantle.us-east-1.api.aws", "api.cloudflare.com",
            "router.huggingface.co", "inference.baseten.co", "api.replicate.com", "api.cohere.ai",
        ];
        let path = format!("/v1/acct/gw/{slug}/{}", parts.join("/"));
        prop_assume!(path.parse::<Uri>().is_ok());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(scene().send(&format!("POST {path}"), &[], "{}")) {
            Ok(call) => {
                let uri = call.uri;
                prop_assert_eq!(uri.scheme_str(), Some("https"));
                prop_assert!(own.contains(&uri.authority().unwrap().as_str().to_ascii_lowercase().as_str()), "{}", uri);
            }
            Err((status, answer)) => prop_assert_eq!(status, 400, "{}", answer),
        }
    }
}
