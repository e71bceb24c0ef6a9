//! [`Usage`]: the usage of an exchange, in one form for all APIs.

mod normalize;
#[cfg(test)]
mod tests;
mod tool_calls;

pub use self::tool_calls::ToolCalls;
pub(super) use self::tool_calls::each_tool;

/// Tokens and other units that a provider reported; `None` if it did not report them.
///
/// The parts do not overlap: the input is the sum of `input_uncached`, `cache_read` and
/// `cache_write`, the output that of `output_visible` and `reasoning`, however the provider's API
/// counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Uncached input tokens.
    pub input_uncached: Option<u64>,
    /// Input tokens read from the provider's cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to the provider's cache.
    pub cache_write: Option<u64>,
    /// The part of `cache_write` with a longer lifetime than usual: an hour (Messages) or twelve
    /// (OpenAI).
    pub cache_write_long: Option<u64>,
    /// The audio tokens in the uncached input.
    pub audio_input: Option<u64>,
    /// The image tokens in the uncached input.
    pub image_input: Option<u64>,
    /// Output tokens without reasoning.
    pub output_visible: Option<u64>,
    /// The audio tokens in `output_visible`.
    pub audio_output: Option<u64>,
    /// The image tokens in `output_visible`.
    pub image_output: Option<u64>,
    /// Output tokens of reasoning, visible to the client or not.
    pub reasoning: Option<u64>,
    /// Tokens of citations, in addition to all others (Perplexity).
    pub citations: Option<u64>,
    /// The total that the provider reported.
    pub total_reported: Option<u64>,
    /// The charge that the provider reported, in ticks (1 USD = 10^10 ticks).
    pub cost_ticks: Option<u64>,
    /// Calls of tools that ran at the provider.
    pub tool_calls: Option<u64>,
    /// The calls of `tool_calls`, by kind.
    pub tools: ToolCalls,
    /// Images in the response (operation `images`), or embedded ones that have no tokens (Cohere).
    pub images: Option<u64>,
    /// Audio or video in milliseconds, if it is billed by time.
    pub duration_ms: Option<u64>,
    /// Characters of text, if it is billed by them (speech, some embeddings).
    pub characters: Option<u64>,
    /// Searches of a reranker ("search units").
    pub search_units: Option<u64>,
    /// Processed pages (OCR).
    pub pages: Option<u64>,
    /// The reported total does not match any known way of counting. The parts are the most likely
    /// reading.
    pub inconsistent: bool,
}

/// The usage of one of several models in an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsagePart {
    /// The model; `None` for the one that the response names.
    pub model: Option<Box<str>>,
    /// Its share of the usage.
    pub usage: Usage,
}

impl Usage {
    /// All billed input tokens, at any price.
    #[must_use]
    pub fn input(&self) -> Option<u64> {
        sum(&[self.input_uncached, self.cache_read, self.cache_write])
    }

    /// All billed output tokens, including reasoning.
    #[must_use]
    pub fn output(&self) -> Option<u64> {
        sum(&[self.output_visible, self.reasoning])
    }

    /// All billed tokens.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        sum(&[self.input(), self.output()])
    }

    /// The sum of several parts, with the figures that only `whole` has.
    #[cold]
    pub(super) fn sum(parts: &[UsagePart], whole: &Self) -> Self {
        macro_rules! add {
            ($all:ident, $part:ident: $($field:ident)*) => {
                Self {
                    $($field: sum(&[$all.$field, $part.$field]),)*
                    inconsistent: $all.inconsistent | $part.inconsistent,
                    ..$all
                }
            };
        }
        let rest = Self {
            total_reported: whole.total_reported,
            cost_ticks: whole.cost_ticks,
            tool_calls: whole.tool_calls,
            tools: whole.tools,
            citations: whole.citations,
            duration_ms: whole.duration_ms,
            characters: whole.characters,
            ..Self::default()
        };
        parts.iter().map(|part| &part.usage).fold(rest, |all, part| {
            add!(all, part: input_uncached cache_read cache_write cache_write_long audio_input
                image_input output_visible audio_output image_output reasoning)
        })
    }
}

/// The sum of the known parts, or `None` if all are unknown.
fn sum(parts: &[Option<u64>]) -> Option<u64> {
    parts.iter().flatten().copied().reduce(u64::saturating_add)
}
