//! The built-in providers with a single host.
//!
//! Base URLs are the ones that the hosted gateway documents for each slug; where its paths after
//! the slug carry the API version themselves (`anthropic/v1/messages`), the base is the bare host.

use super::Provider;
use super::bearer_paths::BearerPaths;
use super::layout::Layout;

macro_rules! providers {
    ($($(#[$doc:meta])* $name:ident: $slug:literal $(or $alias:literal)*, $base:literal + $openai:literal $(, messages below $messages:literal)? $(, chat below $chat:literal)? $(, key in $key:literal and bearer on $bearer:expr)? $(, paths $layout:expr)?;)*) => {
        /// The slugs and aliases of the providers below.
        pub(super) const NAMES: &[&str] = &[$($slug, $($alias,)*)*];

        impl Provider {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name() -> Self {
                    Self {
                        aliases: vec![$($alias.into())*],
                        openai_path: $openai.into(),
                        $(messages_path: Some($messages.into()),)?
                        $(chat_path: Some($chat.into()),)?
                        $(key_header: Some($key.into()), bearer_paths: $bearer,)?
                        openai_takes_bearer: true,
                        $(layout: $layout,)?
                        ..Self::built_in($slug, $base)
                    }
                }
            )*

            /// All built-in providers but those whose host depends on a resource, a region or an
            /// account: [`azure_openai`](Self::azure_openai), [`vertex_ai`](Self::vertex_ai),
            /// [`bedrock`](Self::bedrock), [`bedrock_mantle`](Self::bedrock_mantle) and
            /// [`workers_ai`](Self::workers_ai).
            #[must_use]
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name()),*]
            }
        }
    };
}

providers! {
    /// xAI's Grok, `https://api.x.ai/v1`; slug `grok`, alias `xai`.
    xai: "grok" or "xai", "https://api.x.ai/v1" + "";
    /// OpenAI, `https://api.openai.com/v1`; slug `openai`.
    openai: "openai", "https://api.openai.com/v1" + "";
    /// Anthropic, `https://api.anthropic.com`; slug `anthropic`.
    anthropic: "anthropic", "https://api.anthropic.com" + "/v1", key in "x-api-key" and bearer on BearerPaths::Endpoints;
    /// Google AI Studio (Gemini), `https://generativelanguage.googleapis.com`; slug
    /// `google-ai-studio`.
    google_ai_studio: "google-ai-studio", "https://generativelanguage.googleapis.com" + "/v1beta/openai", key in "x-goog-api-key" and bearer on BearerPaths::Behind("openai");
    /// Groq, `https://api.groq.com/openai/v1`; slug `groq`.
    groq: "groq", "https://api.groq.com/openai/v1" + "";
    /// Mistral, `https://api.mistral.ai`; slug `mistral`. A path without `v1` gets it.
    mistral: "mistral", "https://api.mistral.ai" + "/v1", paths Layout::Rooted(&["v1"]);
    /// DeepSeek, `https://api.deepseek.com`; slug `deepseek`.
    deepseek: "deepseek", "https://api.deepseek.com" + "/v1", messages below "/anthropic/v1";
    /// Perplexity, `https://api.perplexity.ai`; slug `perplexity-ai`, alias `perplexity`. Of
    /// model-routed paths, all but chat completions lead below `v1`.
    perplexity: "perplexity-ai" or "perplexity", "https://api.perplexity.ai" + "/v1", chat below "";
    /// Cerebras, `https://api.cerebras.ai/v1`; slug `cerebras`.
    cerebras: "cerebras", "https://api.cerebras.ai/v1" + "";
    /// OpenRouter, `https://openrouter.ai/api/v1`; slug `openrouter`.
    openrouter: "openrouter", "https://openrouter.ai/api/v1" + "";
    /// Cohere, `https://api.cohere.ai`; slug `cohere`. A path without a version gets `v1`, and of
    /// two versions (`v1/v2/chat`: the page of the hosted gateway gives a base URL that ends with
    /// one, and the SDK adds another) the second counts.
    cohere: "cohere", "https://api.cohere.ai" + "/compatibility/v1", paths Layout::Rooted(&["v1", "v2", "compatibility"]);
    /// Fireworks, `https://api.fireworks.ai/inference/v1`; slug `fireworks`, alias `fireworks-ai`.
    fireworks: "fireworks" or "fireworks-ai", "https://api.fireworks.ai/inference/v1" + "";
    /// Together, `https://api.together.ai`; slug `together`, alias `together-ai`. A path without a
    /// version gets `v1`.
    together: "together" or "together-ai", "https://api.together.ai" + "/v1", paths Layout::Rooted(&["v1", "v2"]);
    /// Moonshot's Kimi, `https://api.moonshot.ai`; slug `moonshot`, alias `moonshotai`. A path
    /// gets `v1` unless it has it or starts with `anthropic`.
    moonshot: "moonshot" or "moonshotai", "https://api.moonshot.ai" + "/v1", messages below "/anthropic/v1", paths Layout::Rooted(&["v1", "anthropic"]);
    /// Hugging Face's router, `https://router.huggingface.co`; slug `huggingface`. Paths are
    /// OpenAI's, or `{provider}/v1/…` for one of the providers that it routes to.
    huggingface: "huggingface", "https://router.huggingface.co" + "/v1", paths Layout::HuggingFace;
    /// Baseten's model APIs, `https://inference.baseten.co/v1`; slug `baseten`. A model with a host
    /// of its own is a [custom](Self::custom) provider.
    baseten: "baseten", "https://inference.baseten.co/v1" + "";
    /// Parallel, `https://api.parallel.ai`; slug `parallel`.
    parallel: "parallel", "https://api.parallel.ai" + "", key in "x-api-key" and bearer on BearerPaths::Endpoints;
    /// Replicate, `https://api.replicate.com/v1`; slug `replicate`. The URLs in its answers, for
    /// polls and streams, lead past the gateway.
    replicate: "replicate", "https://api.replicate.com/v1" + "";
}
