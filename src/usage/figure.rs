//! The figures that usage objects have, of every API.

/// A figure of a usage object, whatever its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    /// `prompt_tokens` (chat, embeddings), `input_tokens` (Responses, Messages) and so on.
    Input,
    /// `completion_tokens`, `output_tokens` and so on.
    Output,
    /// `total_tokens`.
    Total,
    /// `cached_tokens` in the input's details, and its like: a part of the input.
    Cached,
    /// `cache_read_input_tokens` (Messages): beside the input.
    CacheRead,
    /// `cache_creation_input_tokens` (Messages): beside the input.
    CacheWrite,
    /// `reasoning_tokens`: in the output or beside it.
    Reasoning,
    /// What the provider has charged: `cost_in_usd_ticks`, the older `cost_in_nano_usd` tenfold, or
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
    // From here on, what few providers report.
    /// `cache_write_tokens` in the input's details: a part of the input.
    CacheWriteInside,
    /// What of the cache writes is kept for the usual time, …
    CacheWriteShort,
    /// … and for longer.
    CacheWriteLong,
    /// `thoughtsTokenCount` (Gemini): beside the output.
    Thoughts,
    /// `toolUsePromptTokenCount` (Gemini): beside the input.
    ToolPrompt,
    /// `citation_tokens` (Perplexity): beside everything.
    Citations,
    // Parts of the input, of what of it was cached, and of the output.
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
    // `billed_units` (Cohere), whatever else was counted.
    BilledInput,
    BilledOutput,
}
