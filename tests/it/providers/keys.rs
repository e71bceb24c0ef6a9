//! In which header each provider gets its stored key, on its own paths and on model-routed ones.

use std::sync::Arc;

use tower_ai_gateway::settings::{GatewaySettings, Secret};
use tower_ai_gateway::{GatewayLayerBuilder, Provider};

use crate::providers::scene::Scene;

/// All built-in providers.
fn all() -> Vec<Provider> {
    let mut all = Provider::all();
    all.extend([
        Provider::azure_openai("res"),
        Provider::vertex_ai("proj", "us-central1"),
        Provider::bedrock("us-east-1"),
        Provider::bedrock_mantle("us-east-1"),
        Provider::workers_ai("0123abcd"),
    ]);
    all
}

/// A stored key for each provider, named after it.
fn stored(layer: GatewayLayerBuilder) -> GatewayLayerBuilder {
    let mut settings = GatewaySettings::builder().authenticated_elsewhere();
    for provider in all() {
        let key = Secret::new(format!("sk-LEAK-{}", provider.slug())).unwrap();
        settings = settings.key(provider.slug(), key);
    }
    layer.providers(all()).settings(Arc::new(settings.build().unwrap()))
}

const BEARER: &str = "authorization";
const ANTHROPIC: &str = "x-api-key";
const GOOGLE: &str = "x-goog-api-key";

#[tokio::test]
async fn each_form_of_a_providers_paths_gets_the_key_where_it_expects_it() {
    let scene = Scene::new(stored);
    for (paths, header) in [
        (
            &[
                "anthropic/v1/messages",
                "anthropic/v1/messages/count_tokens",
                "anthropic/v1/messages/batches",
                "anthropic/v1/complete",
                "anthropic/v1/files",
                "aws-bedrock-mantle/anthropic/v1/messages",
                "aws-bedrock-mantle/anthropic/v1/messages/count_tokens",
                "aws-bedrock/bedrock-mantle/us-east-1/anthropic/v1/messages",
                "parallel/v1/tasks/runs",
                "parallel/v1beta/search",
            ][..],
            ANTHROPIC,
        ),
        (
            &[
                "google-ai-studio/v1beta/models/gemini:generateContent",
                "google-ai-studio/v1beta/models/gemini:embedContent",
                "google-ai-studio/v1beta/models/openai:generateContent",
                "google-ai-studio/v1beta/interactions",
                "google-ai-studio/upload/v1beta/files",
            ],
            GOOGLE,
        ),
        (
            &[
                "azure-openai/res/dep/chat/completions",
                "azure-openai/deployments/dep/chat/completions",
                "azure-openai/v1/responses",
                "azure-openai/openai/v1/embeddings",
            ],
            "api-key",
        ),
        (
            &[
                "anthropic/v1/chat/completions",
                "google-ai-studio/v1beta/openai/chat/completions",
                "google-ai-studio/v1beta/openai/embeddings",
                "google-ai-studio/v1beta/openai/images/generations",
                "google-ai-studio/v1beta//openai/batches",
                "aws-bedrock-mantle/v1/chat/completions",
                "aws-bedrock-mantle/v1/files",
                "aws-bedrock-mantle/openai/v1/responses",
                "aws-bedrock/bedrock-mantle/us-east-1/v1/responses",
                "aws-bedrock/model/amazon.nova-pro-v1:0/converse",
                "aws-bedrock/openai/v1/chat/completions",
                "parallel/chat/completions",
                "google-vertex-ai/v1/projects/p/locations/us-central1/publishers/google/models/m:predict",
                "deepseek/anthropic/v1/messages",
                "moonshot/anthropic/v1/messages",
                "openrouter/v1/messages",
                "grok/v1/messages",
                "workers-ai/@cf/meta/llama",
                "cohere/v2/chat",
                "replicate/v1/predictions",
            ],
            BEARER,
        ),
    ] {
        for path in paths {
            let sent = scene.send(&format!("POST /v1/acct/gw/{path}"), &[], "{}").await.unwrap();
            let slug = match path.split_once('/').unwrap() {
                ("aws-bedrock", rest) if rest.starts_with("bedrock-mantle") => "aws-bedrock-mantle",
                (slug, _) => slug,
            };
            let prefix = if header == BEARER { "Bearer " } else { "" };
            assert_eq!(sent.keys(), [(header, &*format!("{prefix}sk-LEAK-{slug}"))], "{path}");
        }
    }
}

#[tokio::test]
async fn a_key_goes_in_the_same_header_whichever_way_its_url_was_named() {
    let scene = Scene::new(stored);
    for provider in all() {
        let slug = provider.slug();
        for endpoint in ["chat/completions", "responses", "embeddings", "messages"] {
            // It has no such API.
            if (slug, endpoint) == ("google-ai-studio", "messages") {
                continue;
            }
            let body = format!(r#"{{"model":"{slug}/m"}}"#);
            let line = format!("POST /v1/acct/gw/compat/{endpoint}");
            let routed = scene.send(&line, &[], &body).await.unwrap();
            let line = format!("POST /v1/acct/gw/{slug}{}", routed.uri.path());
            let own = scene.send(&line, &[], &body).await.unwrap();
            assert_eq!((own.uri.clone(), own.keys()), (routed.uri.clone(), routed.keys()));
            assert_eq!(own.keys().len(), 1, "{slug} {endpoint}");
        }
    }
}
