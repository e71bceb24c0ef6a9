//! The names of the figures in a usage object, of every API.
//!
//! One table serves all shapes, for no name means two things; what is inside of what follows from
//! the shape ([`Usage`](super::tokens::Usage)).

use super::figure::Figure;

/// What a member of a usage object is.
#[derive(Clone, Copy)]
pub(super) enum Name {
    Of(Figure),
    /// The same of a share, of which there is often none.
    Share(Figure),
    /// A decimal number with so many digits behind the point.
    Decimal(Figure, u8),
    NanoUsd,
    /// USD, or an object with the total in it.
    Cost,
    /// The bill of the user's own provider, in USD.
    UpstreamCost,
    /// Whether that is paid by the user himself.
    IsByok,
    /// An object with figures in it.
    Details(fn(&[u8]) -> Name),
    /// An array of modalities, each with its tokens: those of audio and of images.
    Modalities(Figure, Figure),
    /// An array of what was written to the cache, each with its time to live.
    Lifetimes,
    /// An array of usage objects that are the bill.
    Iterations,
    ServiceTier,
    /// The service tier as Vertex AI names it.
    TrafficType,
    Region,
    Speed,
    Unknown,
}

/// Of all but the input, the output and the total of OpenAI and Anthropic.
pub(super) fn name(key: &[u8]) -> Name {
    Name::Of(match key {
        b"prompt_tokens_details"
        | b"input_tokens_details"
        | b"prompt_token_details"
        | b"input_token_details" => return Name::Details(input),
        b"completion_tokens_details" | b"output_tokens_details" | b"output_token_details" => {
            return Name::Details(output);
        }
        b"cost_in_usd_ticks" => Figure::CostTicks,
        b"inputTokens" | b"inputTokenCount" | b"promptTokenCount" | b"total_input_tokens" => {
            Figure::Input
        }
        b"outputTokens"
        | b"outputTokenCount"
        | b"candidatesTokenCount"
        | b"responseTokenCount"
        | b"total_output_tokens" => Figure::Output,
        b"totalTokens" | b"totalTokenCount" => Figure::Total,
        b"cached_tokens"
        | b"num_cached_tokens"
        | b"prompt_cache_hit_tokens"
        | b"cachedContentTokenCount"
        | b"total_cached_tokens" => Figure::Cached,
        b"cache_read_input_tokens" | b"cacheReadInputTokens" | b"cacheReadInputTokenCount" => {
            Figure::CacheRead
        }
        b"cache_creation_input_tokens"
        | b"cacheWriteInputTokens"
        | b"cacheWriteInputTokenCount" => Figure::CacheWrite,
        b"cache_write_tokens" => Figure::CacheWriteInside,
        b"reasoning_tokens" => Figure::Reasoning,
        b"thoughtsTokenCount" | b"total_thought_tokens" | b"total_reasoning_tokens" => {
            Figure::Thoughts
        }
        b"toolUsePromptTokenCount" | b"total_tool_use_tokens" | b"connector_tokens" => {
            Figure::ToolPrompt
        }
        b"citation_tokens" => Figure::Citations,
        b"num_search_queries" => Figure::WebSearch,
        b"num_server_side_tools_used" => Figure::ToolsUsed,
        b"pages_processed" => Figure::Pages,
        b"billableCharacterCount" => Figure::Characters,
        b"image_tokens" => return Name::Share(Figure::ImageInput),
        b"seconds" | b"prompt_audio_seconds" => return Name::Decimal(Figure::DurationMs, 3),
        b"cost" => return Name::Cost,
        b"cost_in_nano_usd" => return Name::NanoUsd,
        b"cost_details" => return Name::Details(upstream),
        b"is_byok" => return Name::IsByok,
        b"service_tier" | b"serviceTier" => return Name::ServiceTier,
        b"trafficType" => return Name::TrafficType,
        b"inference_geo" => return Name::Region,
        b"speed" => return Name::Speed,
        b"iterations" => return Name::Iterations,
        b"cacheDetails" => return Name::Lifetimes,
        b"cache_creation" | b"cache_write_tokens_details" => return Name::Details(lifetime),
        b"billed_units" => return Name::Details(billed),
        b"tokens" => return Name::Details(counted),
        b"connectors"
        | b"server_tool_use"
        | b"server_side_tool_usage_details"
        | b"server_tool_use_details" => return Name::Details(tool),
        b"promptTokensDetails" | b"input_tokens_by_modality" => {
            return Name::Modalities(Figure::AudioInput, Figure::ImageInput);
        }
        b"cacheTokensDetails" | b"cached_tokens_by_modality" => {
            return Name::Modalities(Figure::AudioCached, Figure::ImageCached);
        }
        b"candidatesTokensDetails" | b"responseTokensDetails" | b"output_tokens_by_modality" => {
            return Name::Modalities(Figure::AudioOutput, Figure::ImageOutput);
        }
        _ => return Name::Unknown,
    })
}

fn input(key: &[u8]) -> Name {
    Name::Of(match key {
        b"cached_tokens" | b"cache_read_input_tokens" => Figure::Cached,
        b"cache_write_tokens" | b"cache_creation_input_tokens" => Figure::CacheWriteInside,
        b"audio_tokens" => return Name::Share(Figure::AudioInput),
        b"image_tokens" => return Name::Share(Figure::ImageInput),
        b"cache_write_tokens_details" => return Name::Details(lifetime),
        b"cached_tokens_details" => return Name::Details(cached),
        _ => return Name::Unknown,
    })
}

fn cached(key: &[u8]) -> Name {
    match key {
        b"audio_tokens" => Name::Share(Figure::AudioCached),
        b"image_tokens" => Name::Share(Figure::ImageCached),
        _ => Name::Unknown,
    }
}

fn output(key: &[u8]) -> Name {
    Name::Of(match key {
        b"reasoning_tokens" | b"thinking_tokens" => Figure::Reasoning,
        b"audio_tokens" => return Name::Share(Figure::AudioOutput),
        b"image_tokens" => return Name::Share(Figure::ImageOutput),
        _ => return Name::Unknown,
    })
}

/// Of what is written to the cache, by how long it is kept.
fn lifetime(key: &[u8]) -> Name {
    Name::Of(match key {
        b"ephemeral_5m_input_tokens" | b"ttl_30m_tokens" => Figure::CacheWriteShort,
        b"ephemeral_1h_input_tokens" | b"ttl_12h_tokens" => Figure::CacheWriteLong,
        _ => return Name::Unknown,
    })
}

/// What Cohere bills, …
fn billed(key: &[u8]) -> Name {
    match key {
        b"input_tokens" => Name::Decimal(Figure::BilledInput, 0),
        b"output_tokens" => Name::Decimal(Figure::BilledOutput, 0),
        b"search_units" => Name::Decimal(Figure::SearchUnits, 0),
        _ => Name::Unknown,
    }
}

/// … and what it has counted.
fn counted(key: &[u8]) -> Name {
    match key {
        b"input_tokens" => Name::Decimal(Figure::Input, 0),
        b"output_tokens" => Name::Decimal(Figure::Output, 0),
        _ => Name::Unknown,
    }
}

fn upstream(key: &[u8]) -> Name {
    match key {
        b"upstream_inference_cost" => Name::UpstreamCost,
        _ => Name::Unknown,
    }
}

fn tool(key: &[u8]) -> Name {
    Name::Of(match key {
        b"web_search_calls" | b"web_search_requests" | b"web_search" => Figure::WebSearch,
        b"x_search_calls" => Figure::XSearch,
        b"code_interpreter_calls" | b"code_interpreter" => Figure::CodeInterpreter,
        b"file_search_calls" => Figure::FileSearch,
        b"mcp_calls" => Figure::Mcp,
        b"document_search_calls" => Figure::DocumentSearch,
        b"image_generation_calls" | b"image_generation" => Figure::ImageGeneration,
        _ => return Name::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known() {
        for key in [
            "inputTokens",
            "outputTokens",
            "totalTokens",
            "cacheDetails",
            "billed_units",
            "tokens",
            "seconds",
            "inputTokenCount",
            "outputTokenCount",
            "pages_processed",
            "cacheReadInputTokens",
            "cacheWriteInputTokens",
            "cacheReadInputTokenCount",
            "cacheWriteInputTokenCount",
            "image_tokens",
            "cost",
            "cost_details",
            "is_byok",
            "service_tier",
            "serviceTier",
            "trafficType",
            "iterations",
            "speed",
            "connectors",
            "cached_tokens",
            "inference_geo",
            "cache_creation",
            "citation_tokens",
            "totalTokenCount",
            "server_tool_use",
            "reasoning_tokens",
            "promptTokenCount",
            "connector_tokens",
            "cost_in_nano_usd",
            "num_cached_tokens",
            "cost_in_usd_ticks",
            "thoughtsTokenCount",
            "responseTokenCount",
            "total_input_tokens",
            "num_search_queries",
            "cache_write_tokens",
            "cacheTokensDetails",
            "total_output_tokens",
            "total_cached_tokens",
            "promptTokensDetails",
            "input_token_details",
            "candidatesTokenCount",
            "total_thought_tokens",
            "input_tokens_details",
            "prompt_token_details",
            "output_token_details",
            "prompt_audio_seconds",
            "total_tool_use_tokens",
            "total_reasoning_tokens",
            "prompt_tokens_details",
            "output_tokens_details",
            "responseTokensDetails",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "prompt_cache_hit_tokens",
            "cachedContentTokenCount",
            "toolUsePromptTokenCount",
            "billableCharacterCount",
            "num_server_side_tools_used",
            "completion_tokens_details",
            "cache_write_tokens_details",
            "candidatesTokensDetails",
            "output_tokens_by_modality",
            "input_tokens_by_modality",
            "cached_tokens_by_modality",
            "server_side_tool_usage_details",
            "server_tool_use_details",
        ] {
            assert!(!matches!(name(key.as_bytes()), Name::Unknown), "{key}");
        }
    }
}
