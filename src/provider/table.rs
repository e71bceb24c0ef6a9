//! The built-in providers.
//!
//! Base URLs are the ones that the hosted gateway documents for each slug; where its paths after
//! the slug carry the API version themselves (`anthropic/v1/messages`), the base is the bare host.

use std::borrow::Cow;

use super::Provider;

macro_rules! providers {
    ($($(#[$doc:meta])* $name:ident: $slug:literal $(or $alias:literal)?, $base:literal + $openai:literal $(, key in $key:literal)?;)*) => {
        impl Provider {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name() -> Self {
                    Self {
                        slug: Cow::Borrowed($slug),
                        aliases: vec![$(Cow::Borrowed($alias))?],
                        base_url: Cow::Borrowed($base),
                        further_base_urls: Vec::new(),
                        weight: 1,
                        openai_path: Cow::Borrowed($openai),
                        join_rule: true,
                        key_header: None $(.or(Some(Cow::Borrowed($key))))?,
                        openai_takes_bearer: true,
                    }
                }
            )*

            /// All built-in providers.
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
    anthropic: "anthropic", "https://api.anthropic.com" + "/v1", key in "x-api-key";
    /// Google AI Studio (Gemini), `https://generativelanguage.googleapis.com`; slug `google-ai-studio`.
    google_ai_studio: "google-ai-studio", "https://generativelanguage.googleapis.com" + "/v1beta/openai", key in "x-goog-api-key";
    /// Groq, `https://api.groq.com/openai/v1`; slug `groq`.
    groq: "groq", "https://api.groq.com/openai/v1" + "";
    /// Mistral, `https://api.mistral.ai`; slug `mistral`.
    mistral: "mistral", "https://api.mistral.ai" + "/v1";
    /// DeepSeek, `https://api.deepseek.com`; slug `deepseek`.
    deepseek: "deepseek", "https://api.deepseek.com" + "/v1";
    /// Perplexity, `https://api.perplexity.ai`; slug `perplexity-ai`, alias `perplexity`.
    perplexity: "perplexity-ai" or "perplexity", "https://api.perplexity.ai" + "";
    /// Cerebras, `https://api.cerebras.ai/v1`; slug `cerebras`.
    cerebras: "cerebras", "https://api.cerebras.ai/v1" + "";
    /// OpenRouter, `https://openrouter.ai/api/v1`; slug `openrouter`.
    openrouter: "openrouter", "https://openrouter.ai/api/v1" + "";
    /// Cohere, `https://api.cohere.ai`; slug `cohere`.
    cohere: "cohere", "https://api.cohere.ai" + "/compatibility/v1";
}
