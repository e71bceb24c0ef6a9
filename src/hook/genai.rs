//! The names of providers and operations in OpenTelemetry's GenAI conventions.
//!
//! The conventions are not stable: their names may change in a minor release of this crate.

use crate::util::operation::Operation;

/// `gen_ai.provider.name`: a well-known value, or else the slug. Spans pass the provider's kind; metrics
/// pass its own slug, so that each account has its own series.
pub(crate) fn provider_name(slug: &str) -> &str {
    match slug {
        "grok" => "x_ai",
        "google-ai-studio" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "perplexity-ai" => "perplexity",
        "azure-openai" => "azure.ai.openai",
        "google-vertex-ai" => "gcp.vertex_ai",
        "aws-bedrock" | "aws-bedrock-mantle" => "aws.bedrock",
        same => same,
    }
}

/// `gen_ai.operation.name`: a well-known value, or else the crate's own name.
pub(crate) fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat | Operation::Responses | Operation::Messages | Operation::Converse => {
            "chat"
        }
        Operation::Completions => "text_completion",
        Operation::Embeddings => "embeddings",
        // `generate_content` is for multimodal content.
        Operation::GenerateContent
        | Operation::Interactions
        | Operation::Images
        | Operation::Videos => "generate_content",
        own => own.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Provider;

    #[test]
    fn built_in_providers_have_conventional_names() {
        let places = [
            Provider::azure_openai("r"),
            Provider::vertex_ai("p", "r"),
            Provider::bedrock("r"),
            Provider::bedrock_mantle("r"),
            Provider::workers_ai("a"),
        ];
        let names: Vec<_> = Provider::all()
            .iter()
            .chain(&places)
            .map(|provider| provider_name(provider.slug()).to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "x_ai",
                "openai",
                "anthropic",
                "gcp.gemini",
                "groq",
                "mistral_ai",
                "deepseek",
                "perplexity",
                "cerebras",
                "openrouter",
                "cohere",
                "fireworks",
                "together",
                "moonshot",
                "huggingface",
                "baseten",
                "parallel",
                "replicate",
                "azure.ai.openai",
                "gcp.vertex_ai",
                "aws.bedrock",
                "aws.bedrock",
                "workers-ai"
            ]
        );
        assert_eq!(provider_name("my-own"), "my-own");
    }

    #[test]
    fn operations_have_well_known_names_if_one_applies() {
        for (operation, name) in [
            (Operation::Chat, "chat"),
            (Operation::Responses, "chat"),
            (Operation::Messages, "chat"),
            (Operation::Converse, "chat"),
            (Operation::Completions, "text_completion"),
            (Operation::Embeddings, "embeddings"),
            (Operation::GenerateContent, "generate_content"),
            (Operation::Interactions, "generate_content"),
            (Operation::Images, "generate_content"),
            (Operation::Videos, "generate_content"),
            (Operation::Compact, "compact"),
            (Operation::CountTokens, "count_tokens"),
            (Operation::Batches, "batches"),
            (Operation::Speech, "speech"),
            (Operation::Audio, "audio"),
            (Operation::Models, "models"),
            (Operation::Other, "other"),
        ] {
            assert_eq!(operation_name(operation), name);
        }
    }
}
