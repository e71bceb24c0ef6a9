//! What an exchange used, in one form for all APIs.

use super::reported::{Figure, Reported};

/// Tokens and other units that a provider reported; `None` where it did not say.
///
/// The parts do not overlap: input is the sum of `input_uncached`, `cache_read` and `cache_write`,
/// output that of `output_visible` and `reasoning`, whichever way the provider's API counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Input tokens that came from no cache.
    pub input_uncached: Option<u64>,
    /// Input tokens that were read from the provider's cache.
    pub cache_read: Option<u64>,
    /// Input tokens that were written to the provider's cache.
    pub cache_write: Option<u64>,
    /// Of these, the ones that are kept longer than usual: an hour (Messages) or twelve (OpenAI).
    pub cache_write_long: Option<u64>,
    /// Of the uncached input, the tokens of audio.
    pub audio_input: Option<u64>,
    /// Of the uncached input, the tokens of images.
    pub image_input: Option<u64>,
    /// Output tokens without those of reasoning.
    pub output_visible: Option<u64>,
    /// Of these, the tokens of audio.
    pub audio_output: Option<u64>,
    /// Of these, the tokens of images.
    pub image_output: Option<u64>,
    /// Output tokens of reasoning, shown to the client or not.
    pub reasoning: Option<u64>,
    /// The total as the provider reported it.
    pub total_reported: Option<u64>,
    /// What the provider says it charged, in ticks (1 USD = 10^10 ticks).
    pub cost_ticks: Option<u64>,
    /// Calls of tools that ran on the provider's side.
    pub tool_calls: Option<u64>,
    /// The same by kind.
    pub tools: ToolCalls,
    /// Images in the response (operation `images`).
    pub images: Option<u64>,
    /// Audio or video, in milliseconds, where that is what is billed.
    pub duration_ms: Option<u64>,
    /// Characters of text, where they are what is billed (speech, some embeddings).
    pub characters: Option<u64>,
    /// Searches of a reranker ("search units").
    pub search_units: Option<u64>,
    /// Pages that were read (OCR).
    pub pages: Option<u64>,
    /// The reported total fits no known way of counting; the parts are the likeliest reading.
    pub inconsistent: bool,
}

/// What one of several models used in the same exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsagePart {
    /// The model; `None` for the one that the response names.
    pub model: Option<Box<str>>,
    /// Its share of the usage.
    pub usage: Usage,
}

/// Calls of tools that ran on the provider's side, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "log", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct ToolCalls {
    /// Searches of the web.
    pub web_search: Option<u64>,
    /// Searches of X.
    pub x_search: Option<u64>,
    /// Runs of code.
    pub code_interpreter: Option<u64>,
    /// Searches of the caller's stored files.
    pub file_search: Option<u64>,
    /// Calls of remote MCP servers.
    pub mcp: Option<u64>,
    /// Searches of documents.
    pub document_search: Option<u64>,
    /// Images made on the way.
    pub image_generation: Option<u64>,
}

impl ToolCalls {
    /// Calls of all kinds together.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        sum(&self.all())
    }

    fn all(&self) -> [Option<u64>; 7] {
        [
            self.web_search,
            self.x_search,
            self.code_interpreter,
            self.file_search,
            self.mcp,
            self.document_search,
            self.image_generation,
        ]
    }
}

impl Usage {
    /// All input tokens that are billed, at whatever price.
    #[must_use]
    pub fn input(&self) -> Option<u64> {
        sum(&[self.input_uncached, self.cache_read, self.cache_write])
    }

    /// All output tokens that are billed, reasoning included.
    #[must_use]
    pub fn output(&self) -> Option<u64> {
        sum(&[self.output_visible, self.reasoning])
    }

    /// All tokens that are billed.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        sum(&[self.input(), self.output()])
    }

    pub(super) fn new(reported: &Reported) -> Self {
        let tools = reported.tools();
        let mut usage = Self {
            cache_read: reported.get(Figure::CacheRead).or(reported.get(Figure::Cached)),
            cache_write: reported.get(Figure::CacheWrite),
            total_reported: reported.get(Figure::Total),
            cost_ticks: reported.get(Figure::CostTicks),
            tool_calls: reported.get(Figure::ToolsUsed).or_else(|| tools.total()),
            tools,
            ..Self::default()
        };
        usage.set_input(reported);
        usage.set_output(reported);
        usage
    }

    /// Cached tokens are a part of the input, unless they are named as Messages does or are more
    /// than the input itself.
    fn set_input(&mut self, reported: &Reported) {
        let inside = match (reported.get(Figure::CacheRead), reported.get(Figure::Cached)) {
            (None, Some(cached)) => cached,
            _ => 0,
        };
        self.input_uncached =
            reported.get(Figure::Input).map(|input| input.checked_sub(inside).unwrap_or(input));
    }

    /// Reasoning stands beside the output in chat completions and inside of it in Responses; the
    /// total tells which. Without a total it is inside, if it can be.
    fn set_output(&mut self, reported: &Reported) {
        let Some(output) = reported.get(Figure::Output) else {
            self.reasoning = reported.get(Figure::Reasoning);
            return;
        };
        let reasoning = reported.get(Figure::Reasoning).unwrap_or(0);
        let is_total = |output: u64| {
            let inputs = [reported.get(Figure::Input), self.input()];
            inputs.iter().any(|input| sum(&[*input, Some(output)]) == reported.get(Figure::Total))
        };
        let is_beside = match reported.get(Figure::Total) {
            Some(_) if is_total(output) => false,
            Some(_) if is_total(output.saturating_add(reasoning)) => true,
            Some(_) => {
                self.inconsistent = true;
                false
            }
            None => reasoning > output,
        };
        let inside = if is_beside { 0 } else { reasoning.min(output) };
        self.output_visible = Some(output - inside);
        self.reasoning =
            reported.get(Figure::Reasoning).map(|_| if is_beside { reasoning } else { inside });
    }
}

/// The sum of what is known, `None` where nothing is.
fn sum(parts: &[Option<u64>]) -> Option<u64> {
    parts.iter().flatten().copied().reduce(u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Usage {
        Usage::new(&Reported::read(json.as_bytes()).unwrap())
    }

    #[test]
    fn reasoning_is_beside_the_output_where_the_total_says_so() {
        let chat = usage(
            r#"{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,
                "completion_tokens_details":{"reasoning_tokens":290}}"#,
        );
        assert_eq!((chat.output_visible, chat.reasoning), (Some(1), Some(290)));
        assert_eq!((chat.input(), chat.output(), chat.total()), (Some(12), Some(291), Some(303)));
        assert!(!chat.inconsistent);
    }

    #[test]
    fn reasoning_is_inside_the_output_where_the_total_says_so() {
        let responses = usage(
            r#"{"input_tokens":5689,"input_tokens_details":{"cached_tokens":2048},
                "output_tokens":444,"output_tokens_details":{"reasoning_tokens":245},
                "total_tokens":6133}"#,
        );
        assert_eq!((responses.input_uncached, responses.cache_read), (Some(3641), Some(2048)));
        assert_eq!((responses.output_visible, responses.reasoning), (Some(199), Some(245)));
        assert_eq!(responses.total(), responses.total_reported);
    }

    #[test]
    fn either_way_of_counting_is_found_under_either_naming() {
        let responses = usage(
            r#"{"input_tokens":32,"output_tokens":9,"total_tokens":151,
                "output_tokens_details":{"reasoning_tokens":110}}"#,
        );
        assert_eq!(responses.output(), Some(119));
    }

    #[test]
    fn a_total_that_fits_nothing_is_flagged_and_reasoning_stays_inside() {
        let odd = usage(
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":99,
                "completion_tokens_details":{"reasoning_tokens":7}}"#,
        );
        assert!(odd.inconsistent);
        assert_eq!((odd.output(), odd.output_visible, odd.reasoning), (Some(5), Some(0), Some(5)));
    }

    #[test]
    fn without_a_total_reasoning_is_inside_if_it_can_be() {
        let inside = r#"{"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4}}"#;
        let beside = r#"{"output_tokens":9,"output_tokens_details":{"reasoning_tokens":40}}"#;
        assert_eq!(usage(inside).output(), Some(9));
        assert_eq!(usage(beside).output(), Some(49));
    }

    #[test]
    fn messages_count_the_cache_beside_the_input() {
        let messages = usage(
            r#"{"input_tokens":9,"cache_creation_input_tokens":3,"cache_read_input_tokens":100,
                "output_tokens":32}"#,
        );
        assert_eq!((messages.input_uncached, messages.input()), (Some(9), Some(112)));
        assert_eq!(messages.total(), Some(144));
    }

    #[test]
    fn more_cached_than_input_is_beside_it() {
        let odd = usage(
            r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":64},
                "completion_tokens":1,"total_tokens":75}"#,
        );
        assert_eq!(
            (odd.input_uncached, odd.input(), odd.inconsistent),
            (Some(10), Some(74), false)
        );
    }

    #[test]
    fn embeddings_and_images_have_no_output() {
        let embeddings = usage(r#"{"prompt_tokens":1,"total_tokens":1}"#);
        assert_eq!((embeddings.input(), embeddings.output()), (Some(1), None));
        let images = usage(r#"{"cost_in_usd_ticks":200000000}"#);
        assert_eq!((images.cost_ticks, images.total()), (Some(200_000_000), None));
    }
}
