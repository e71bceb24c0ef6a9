//! The figures in usage objects of all APIs.

/// A figure in a usage object, independent of its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    /// `prompt_tokens` (chat, embeddings), `input_tokens` (Responses, Messages) and so on.
    Input,
    /// `completion_tokens`, `output_tokens` and so on.
    Output,
    /// `total_tokens`.
    Total,
    /// `cached_tokens` in the input's details and the like: a part of the input.
    Cached,
    /// `cache_read_input_tokens` (Messages): in addition to the input.
    CacheRead,
    /// `cache_creation_input_tokens` (Messages): in addition to the input.
    CacheWrite,
    /// `reasoning_tokens`: part of the output or in addition to it.
    Reasoning,
    /// The provider's charge: `cost_in_usd_ticks`, ten times the older `cost_in_nano_usd`, or
    /// `cost` in USD.
    CostTicks,
    /// `num_server_side_tools_used`.
    ToolsUsed,
    // `server_side_tool_usage_details`, or `server_tool_use` (Messages).
    WebSearch,
    XSearch,
    CodeInterpreter,
    FileSearch,
    Mcp,
    DocumentSearch,
    ImageGeneration,
    // Figures that few providers report.
    /// `cache_write_tokens` in the input's details: a part of the input.
    CacheWriteInside,
    /// The part of cache writes with the usual lifetime.
    CacheWriteShort,
    /// The part of cache writes with a longer lifetime.
    CacheWriteLong,
    /// `thoughtsTokenCount` (Gemini): in addition to the output.
    Thoughts,
    /// `toolUsePromptTokenCount` (Gemini): in addition to the input.
    ToolPrompt,
    /// `citation_tokens` (Perplexity): in addition to everything else.
    Citations,
    // Parts of the input, of the cached input, and of the output.
    AudioInput,
    ImageInput,
    AudioCached,
    ImageCached,
    AudioOutput,
    ImageOutput,
    DurationMs,
    Characters,
    SearchUnits,
    Pages,
    // `billed_units` (Cohere): billed in place of all other counts.
    BilledInput,
    BilledText,
    BilledImageTokens,
    BilledImages,
    BilledOutput,
}
