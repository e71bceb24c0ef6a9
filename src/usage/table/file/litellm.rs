//! Reads LiteLLM's `model_prices_and_context_window.json`: one object with all models, and prices
//! in USD per unit.

mod key;
mod off_peak;
mod price;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use self::price::Reader;
use super::super::{Date, PriceTable, names};
use super::rows::{Reason, Rows, shown};
use super::{PriceReport, PriceSource, PriceTableError};
use crate::usage::price::Price;

type Raw<'t> = BTreeMap<Cow<'t, str>, &'t RawValue>;

pub(super) fn read(text: &str, as_of: Date) -> Result<(PriceTable, PriceReport), PriceTableError> {
    let catalogue: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| PriceTableError::of_json(&error))?;
    let is_row = |raw: &&RawValue| raw.get().contains("\"litellm_provider\"");
    if !catalogue.values().any(is_row) {
        let reason = "it is neither LiteLLM's catalogue nor that of genai-prices";
        return Err(PriceTableError::new(text, 0, "", reason));
    }
    let mut rows = Rows::default();
    for (key, raw) in &catalogue {
        // Documentation of the keys.
        if key == "sample_spec" {
            continue;
        }
        match alias(raw, &catalogue).and_then(|raw| row(key, raw)) {
            Ok((name, price)) => rows.add(&name, price),
            Err(reason) => rows.leave(key, reason),
        }
    }
    Ok(rows.end(PriceSource::LiteLlm, as_of))
}

/// The contents of a row, or those of the row that it is an alias of.
fn alias<'t>(
    raw: &'t RawValue,
    catalogue: &BTreeMap<String, &'t RawValue>,
) -> Result<&'t RawValue, Reason> {
    if !raw.get().contains("\"alias_of\"") {
        return Ok(raw);
    }
    let row: Raw<'_> = serde_json::from_str(raw.get()).map_err(|_| "no object".to_owned())?;
    let name = row.get("alias_of").filter(|_| row.len() == 1);
    let name = name.and_then(|name| serde_json::from_str::<String>(name.get()).ok());
    let target = name.and_then(|name| catalogue.get(&name).copied());
    target.ok_or_else(|| "an alias of no row".to_owned())
}

/// The row's name with this crate's slug, and its price.
fn row(key: &str, raw: &RawValue) -> Result<(String, Result<Price, Reason>), Reason> {
    let row: Raw<'_> = serde_json::from_str(raw.get()).map_err(|_| "no object".to_owned())?;
    let text = |key: &str| {
        let raw = row.get(key)?.get();
        raw.strip_prefix('"')?.strip_suffix('"')
    };
    let provider = text("litellm_provider").ok_or("no provider")?;
    let (slug, prefix) = slug(provider);
    let model = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')).unwrap_or(key);
    // Model names of these providers have no slashes: the part before one is a size, a region or a
    // commitment.
    let is_plain = matches!(
        &*slug,
        "openai" | "anthropic" | "azure-openai" | "aws-bedrock" | "cohere" | "deepseek" | "grok"
    );
    if model.is_empty() || is_plain && model.contains('/') {
        return Err("a name that has more than the model in it".to_owned());
    }
    let name = format!("{slug}/{model}");
    let price = Reader { row: &row, slug: &slug, mode: text("mode").unwrap_or_default() }.price();
    Ok((name, price))
}

/// This crate's slug of a provider, and the prefix of its models' keys.
fn slug(provider: &str) -> (Cow<'static, str>, &str) {
    let family = provider.split('-').next().unwrap_or(provider);
    let slug = match provider {
        "xai" => "grok",
        "gemini" => "google-ai-studio",
        "text-completion-openai" => return ("openai".into(), "openai"),
        "cohere_chat" => return ("cohere".into(), "cohere"),
        "perplexity" => "perplexity-ai",
        "azure" => "azure-openai",
        "azure_text" => return ("azure-openai".into(), "azure"),
        "bedrock" => "aws-bedrock",
        "bedrock_converse" => return ("aws-bedrock".into(), "bedrock"),
        "cloudflare" => "workers-ai",
        "together_ai" => "together",
        "parallel_ai" => "parallel",
        _ if family == "vertex_ai" => return ("google-vertex-ai".into(), family),
        _ if family == "fireworks_ai" => return ("fireworks".into(), family),
        slug if names::is_builtin(slug) => return (slug.to_owned().into(), slug),
        other => return (format!("custom-{}", shown(other).replace('_', "-")).into(), provider),
    };
    (slug.into(), provider)
}
