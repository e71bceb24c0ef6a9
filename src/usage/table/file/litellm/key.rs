//! The keys of prices per token, and what their suffixes mean.

use crate::usage::table::file::rows::Field;

/// The meaning of a key.
pub(super) struct Key<'k> {
    pub(super) field: Field,
    pub(super) tier: Option<&'k str>,
    /// The price applies to prompts of more tokens than this.
    pub(super) bound: u64,
}

/// `{price}[_above_{n}k_tokens][_{tier}]`
pub(super) fn token_key(key: &str) -> Option<Key<'_>> {
    let tiers = [
        ("_flex", "flex"),
        ("_priority", "priority"),
        ("_batches", "batch"),
        ("_ultrafast", "ultrafast"),
        ("_balanced", "balanced"),
    ];
    let (key, tier) = tiers
        .iter()
        .find_map(|(suffix, tier)| Some((key.strip_suffix(suffix)?, Some(*tier))))
        .unwrap_or((key, None));
    let (key, bound) = match key.strip_suffix("k_tokens").and_then(|key| key.rsplit_once("_above_"))
    {
        Some((key, thousands)) => (key, thousands.parse::<u64>().ok()?.checked_mul(1000)?),
        None => (key, 0),
    };
    let field: Field = match key {
        "input_cost_per_token" => |price| &mut price.input,
        "output_cost_per_token" => |price| &mut price.output,
        "output_cost_per_reasoning_token" => |price| &mut price.reasoning,
        "cache_read_input_token_cost" => |price| &mut price.cached_input,
        "cache_creation_input_token_cost" => |price| &mut price.cache_write,
        "cache_creation_input_token_cost_above_1hr"
        | "cache_creation_input_token_cost_above_12hr" => |price| &mut price.long_cache_write,
        "input_cost_per_audio_token" => |price| &mut price.audio_input,
        "output_cost_per_audio_token" => |price| &mut price.audio_output,
        "cache_read_input_audio_token_cost" => |price| &mut price.cached_audio_input,
        "input_cost_per_image_token" => |price| &mut price.image_input,
        "output_cost_per_image_token" => |price| &mut price.image_output,
        "cache_read_input_image_token_cost" => |price| &mut price.cached_image_input,
        _ => return None,
    };
    Some(Key { field, tier, bound })
}
