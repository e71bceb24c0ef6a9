//! Requests of each provider's clients with the base URL from the hosted gateway's documentation,
//! and their upstream URLs.

use http::Uri;
use proptest::prelude::*;
use tower_ai_gateway::{GatewayLayer, Provider};

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

/// The base URL after the gateway's own (`…/v1/{account}/{gateway}/`), the client, the path that it
/// adds, and the upstream URL.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("openai", "openai", "/chat/completions", "https://api.openai.com/v1/chat/completions"),
    ("openai", "openai", "/responses/compact", "https://api.openai.com/v1/responses/compact"),
    ("openai", "curl", "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
    ("grok", "openai", "/chat/completions", "https://api.x.ai/v1/chat/completions"),
    ("grok", "anthropic", "/v1/messages", "https://api.x.ai/v1/messages"),
    (
        "anthropic",
        "anthropic",
        "/v1/messages?beta=true",
        "https://api.anthropic.com/v1/messages?beta=true",
    ),
    ("anthropic/v1", "ai-sdk", "/messages", "https://api.anthropic.com/v1/messages"),
    (
        "google-ai-studio",
        "google-genai",
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    ),
    (
        "google-ai-studio",
        "google-genai",
        "/v1beta/interactions",
        "https://generativelanguage.googleapis.com/v1beta/interactions",
    ),
    (
        "google-ai-studio",
        "google-genai",
        "/upload/v1beta/files",
        "https://generativelanguage.googleapis.com/upload/v1beta/files",
    ),
    (
        "google-ai-studio/v1beta/openai",
        "openai",
        "/chat/completions",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    ),
    (
        "groq",
        "groq",
        "/openai/v1/chat/completions",
        "https://api.groq.com/openai/v1/chat/completions",
    ),
    ("groq", "groq", "/openai/v1/audio/speech", "https://api.groq.com/openai/v1/audio/speech"),
    ("groq", "openai", "/chat/completions", "https://api.groq.com/openai/v1/chat/completions"),
    ("groq/openai/v1", "openai", "/models", "https://api.groq.com/openai/v1/models"),
    ("groq", "curl", "/v1/models", "https://api.groq.com/openai/v1/models"),
    ("mistral", "mistralai", "/v1/chat/completions", "https://api.mistral.ai/v1/chat/completions"),
    ("mistral", "mistralai", "/v1/ocr", "https://api.mistral.ai/v1/ocr"),
    ("mistral/v1", "openai", "/chat/completions", "https://api.mistral.ai/v1/chat/completions"),
    ("mistral", "openai", "/chat/completions", "https://api.mistral.ai/v1/chat/completions"),
    (
        "mistral/v1",
        "mistralai",
        "/v1/chat/completions",
        "https://api.mistral.ai/v1/chat/completions",
    ),
    ("deepseek", "openai", "/chat/completions", "https://api.deepseek.com/chat/completions"),
    ("deepseek", "curl", "/v1/chat/completions", "https://api.deepseek.com/v1/chat/completions"),
    ("deepseek/beta", "openai", "/completions", "https://api.deepseek.com/beta/completions"),
    (
        "deepseek/anthropic",
        "anthropic",
        "/v1/messages",
        "https://api.deepseek.com/anthropic/v1/messages",
    ),
    ("perplexity-ai", "openai", "/chat/completions", "https://api.perplexity.ai/chat/completions"),
    ("perplexity-ai", "perplexityai", "/v1/responses", "https://api.perplexity.ai/v1/responses"),
    (
        "perplexity-ai",
        "perplexityai",
        "/async/chat/completions",
        "https://api.perplexity.ai/async/chat/completions",
    ),
    ("cerebras", "cerebras", "/v1/chat/completions", "https://api.cerebras.ai/v1/chat/completions"),
    ("cerebras", "cerebras", "/v1/tcp_warming", "https://api.cerebras.ai/v1/tcp_warming"),
    ("cerebras", "openai", "/chat/completions", "https://api.cerebras.ai/v1/chat/completions"),
    ("cerebras/v1", "ai-sdk", "/chat/completions", "https://api.cerebras.ai/v1/chat/completions"),
    ("openrouter", "openai", "/chat/completions", "https://openrouter.ai/api/v1/chat/completions"),
    (
        "openrouter/v1",
        "openai",
        "/chat/completions",
        "https://openrouter.ai/api/v1/chat/completions",
    ),
    ("openrouter", "anthropic", "/v1/messages", "https://openrouter.ai/api/v1/messages"),
    ("openrouter", "anthropic", "/api/v1/messages", "https://openrouter.ai/api/v1/messages"),
    ("cohere", "cohere", "/v1/chat", "https://api.cohere.ai/v1/chat"),
    ("cohere", "cohere", "/v2/chat", "https://api.cohere.ai/v2/chat"),
    ("cohere/v1", "cohere", "/v1/chat", "https://api.cohere.ai/v1/chat"),
    ("cohere/v1", "cohere", "/v2/chat", "https://api.cohere.ai/v2/chat"),
    ("cohere", "curl", "/chat", "https://api.cohere.ai/v1/chat"),
    (
        "cohere/compatibility/v1",
        "openai",
        "/chat/completions",
        "https://api.cohere.ai/compatibility/v1/chat/completions",
    ),
    (
        "fireworks",
        "openai",
        "/chat/completions",
        "https://api.fireworks.ai/inference/v1/chat/completions",
    ),
    (
        "fireworks",
        "fireworks",
        "/v1/chat/completions",
        "https://api.fireworks.ai/inference/v1/chat/completions",
    ),
    ("fireworks", "anthropic", "/v1/messages", "https://api.fireworks.ai/inference/v1/messages"),
    (
        "fireworks",
        "curl",
        "/inference/v1/completions",
        "https://api.fireworks.ai/inference/v1/completions",
    ),
    (
        "together",
        "together 3",
        "/v1/chat/completions",
        "https://api.together.ai/v1/chat/completions",
    ),
    ("together", "together 3", "/v2/videos", "https://api.together.ai/v2/videos"),
    ("together", "together 1", "/chat/completions", "https://api.together.ai/v1/chat/completions"),
    ("together/v1", "openai", "/chat/completions", "https://api.together.ai/v1/chat/completions"),
    ("together/v1", "together 3", "/v2/videos", "https://api.together.ai/v2/videos"),
    ("moonshot", "openai", "/chat/completions", "https://api.moonshot.ai/v1/chat/completions"),
    ("moonshot/v1", "openai", "/chat/completions", "https://api.moonshot.ai/v1/chat/completions"),
    (
        "moonshot/anthropic",
        "anthropic",
        "/v1/messages",
        "https://api.moonshot.ai/anthropic/v1/messages",
    ),
    (
        "huggingface",
        "openai",
        "/chat/completions",
        "https://router.huggingface.co/v1/chat/completions",
    ),
    (
        "huggingface/v1",
        "openai",
        "/chat/completions",
        "https://router.huggingface.co/v1/chat/completions",
    ),
    (
        "huggingface",
        "huggingface_hub",
        "/novita/v1/chat/completions",
        "https://router.huggingface.co/novita/v1/chat/completions",
    ),
    (
        "huggingface",
        "huggingface_hub",
        "/hf-inference/models/google-bert/bert-base",
        "https://router.huggingface.co/hf-inference/models/google-bert/bert-base",
    ),
    ("replicate", "replicate", "/v1/predictions", "https://api.replicate.com/v1/predictions"),
    ("replicate", "curl", "/predictions", "https://api.replicate.com/v1/predictions"),
    (
        "replicate",
        "replicate",
        "/v1/models/meta/llama/predictions",
        "https://api.replicate.com/v1/models/meta/llama/predictions",
    ),
    ("baseten", "openai", "/chat/completions", "https://inference.baseten.co/v1/chat/completions"),
    ("baseten", "curl", "/v1/chat/completions", "https://inference.baseten.co/v1/chat/completions"),
    ("parallel", "parallel", "/v1/tasks/runs", "https://api.parallel.ai/v1/tasks/runs"),
    ("parallel", "parallel", "/v1beta/search", "https://api.parallel.ai/v1beta/search"),
    // Azure: the documented form, the paths of `AzureOpenAI` with either base, and the newer API.
    (
        "azure-openai/res/dep",
        "openai",
        "/chat/completions?api-version=2024-10-21",
        "https://res.openai.azure.com/openai/deployments/dep/chat/completions?api-version=2024-10-21",
    ),
    (
        "azure-openai/res",
        "AzureOpenAI(azure_endpoint)",
        "/openai/deployments/dep/chat/completions?api-version=2024-10-21",
        "https://res.openai.azure.com/openai/deployments/dep/chat/completions?api-version=2024-10-21",
    ),
    (
        "azure-openai",
        "AzureOpenAI(azure_endpoint)",
        "/openai/deployments/dep/embeddings?api-version=2024-10-21",
        "https://res.openai.azure.com/openai/deployments/dep/embeddings?api-version=2024-10-21",
    ),
    (
        "azure-openai/res",
        "AzureOpenAI(base_url)",
        "/deployments/dep/chat/completions?api-version=2024-10-21",
        "https://res.openai.azure.com/openai/deployments/dep/chat/completions?api-version=2024-10-21",
    ),
    (
        "azure-openai/res",
        "AzureOpenAI(base_url)",
        "/responses?api-version=preview",
        "https://res.openai.azure.com/openai/responses?api-version=preview",
    ),
    (
        "azure-openai/res/openai/v1",
        "openai",
        "/chat/completions",
        "https://res.openai.azure.com/openai/v1/chat/completions",
    ),
    ("azure-openai/v1", "openai", "/responses", "https://res.openai.azure.com/openai/v1/responses"),
    (
        "azure-openai/other-res/dep",
        "openai",
        "/chat/completions",
        "https://other-res.openai.azure.com/openai/deployments/dep/chat/completions",
    ),
    // Vertex: the region in the path selects one of the configured ones.
    (
        "google-vertex-ai",
        "google-genai",
        "/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro:generateContent",
        "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro:generateContent",
    ),
    (
        "google-vertex-ai/v1",
        "AnthropicVertex",
        "/projects/p/locations/global/publishers/anthropic/models/claude-opus-5@20260101:streamRawPredict",
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/anthropic/models/claude-opus-5@20260101:streamRawPredict",
    ),
    (
        "google-vertex-ai/v1/projects/p/locations/eu",
        "curl",
        "/publishers/google/models/gemini-2.5-pro:countTokens",
        "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-pro:countTokens",
    ),
    // Bedrock: service and region select one of the configured ones. Bytes are unchanged.
    (
        "aws-bedrock/bedrock-runtime/us-east-1",
        "boto3",
        "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream",
    ),
    (
        "aws-bedrock/bedrock-runtime/eu-west-1",
        "curl",
        "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx/invoke",
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx/invoke",
    ),
    (
        "aws-bedrock/bedrock-mantle/us-east-1/anthropic",
        "anthropic",
        "/v1/messages",
        "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages",
    ),
    (
        "aws-bedrock",
        "curl",
        "/model/amazon.nova-pro-v1:0/converse",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-pro-v1:0/converse",
    ),
    (
        "workers-ai",
        "curl",
        "/@cf/meta/llama-3.1-8b-instruct",
        "https://api.cloudflare.com/client/v4/accounts/0123abcd/ai/run/@cf/meta/llama-3.1-8b-instruct",
    ),
    (
        "workers-ai",
        "curl",
        "/run/@cf/meta/llama-3.1-8b-instruct",
        "https://api.cloudflare.com/client/v4/accounts/0123abcd/ai/run/@cf/meta/llama-3.1-8b-instruct",
    ),
    (
        "workers-ai/v1",
        "openai",
        "/chat/completions",
        "https://api.cloudflare.com/client/v4/accounts/0123abcd/ai/v1/chat/completions",
    ),
    ("ollama/v1", "openai", "/chat/completions", "http://127.0.0.1:11434/v1/chat/completions"),
    ("custom-ollama", "openai", "/chat/completions", "http://127.0.0.1:11434/v1/chat/completions"),
];

#[tokio::test]
async fn every_client_reaches_its_provider_by_the_base_url_of_the_hosted_gateway() {
    let scene = scene();
    for (base, client, added, upstream) in TABLE {
        let sent = scene.send(&format!("POST /v1/acct/gw/{base}{added}"), &[], "{}").await;
        let call = sent.unwrap_or_else(|answer| panic!("{client} at {base}{added}: {answer:?}"));
        assert_eq!(call.uri, *upstream, "{client} at {base}");
    }
}

#[tokio::test]
async fn an_entry_of_a_universal_request_goes_where_a_native_path_does() {
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
async fn a_model_with_its_provider_leads_to_the_openai_api_of_that_provider() {
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
async fn messages_lead_to_where_the_provider_has_them() {
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
async fn a_place_that_nobody_has_set_up_is_refused() {
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
fn what_a_place_is_made_of_cannot_leave_its_host() {
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
    fn no_path_leads_to_a_host_that_was_not_set_up(
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
