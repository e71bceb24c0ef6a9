//! What an exchange used, in one form for all APIs.

use super::figure::Figure;
use super::reported::Reported;
use super::shape::Shape;

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
    /// Tokens of citations, beside all others (Perplexity).
    pub citations: Option<u64>,
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

/// Calls a macro with the field and the figure of every kind of tool.
macro_rules! each_tool {
    ($macro:ident) => {
        $macro!(web_search: WebSearch x_search: XSearch code_interpreter: CodeInterpreter
            file_search: FileSearch mcp: Mcp document_search: DocumentSearch
            image_generation: ImageGeneration)
    };
}

pub(super) use each_tool;

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
    fn of(reported: &Reported) -> Self {
        macro_rules! of {
            ($($tool:ident: $figure:ident)+) => {
                Self { $($tool: reported.get(Figure::$figure),)+ }
            };
        }
        each_tool!(of)
    }

    /// Calls of all kinds together.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        sum(&self.all())
    }

    pub(super) fn all(&self) -> [Option<u64>; 7] {
        macro_rules! all {
            ($($tool:ident: $figure:ident)+) => { [$(self.$tool),+] };
        }
        each_tool!(all)
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

    #[inline]
    pub(super) fn new(reported: &Reported, shape: Shape) -> Self {
        let tools = ToolCalls::of(reported);
        let mut usage = Self {
            total_reported: reported.get(Figure::Total),
            cost_ticks: reported.get(Figure::CostTicks),
            tool_calls: reported.get(Figure::ToolsUsed).or_else(|| tools.total()),
            tools,
            ..Self::default()
        };
        let billed = || {
            let billed = [Figure::BilledInput, Figure::BilledOutput];
            Some(billed.map(|figure| reported.get(figure))).filter(|billed| *billed != [None, None])
        };
        if reported.has_rare()
            && let Some(billed) = billed()
        {
            // What of the prompt was cached is a part of what was counted, not of this.
            [usage.input_uncached, usage.output_visible] = billed;
            usage.search_units = reported.get(Figure::SearchUnits);
            return usage;
        }
        usage.set_input(reported);
        usage.set_output(reported, shape);
        if reported.has_rare() {
            usage.set_rest(reported);
        }
        match shape {
            // Nothing else comes out of them.
            Shape::Images => usage.image_output = usage.image_output.or(usage.output_visible),
            Shape::Speech => usage.audio_output = usage.audio_output.or(usage.output_visible),
            _ => {}
        }
        usage
    }

    /// Of several parts, with what `whole` alone tells.
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

    /// What was read from the cache or written to it is a part of the input, unless it is named as
    /// Messages does or is more than the input itself. What tools have read is beside the input.
    #[inline]
    fn set_input(&mut self, reported: &Reported) {
        if !reported.has_rare() {
            let (read, cached) = (reported.get(Figure::CacheRead), reported.get(Figure::Cached));
            let inside = if read.is_none() { cached.unwrap_or(0) } else { 0 };
            let input = reported.get(Figure::Input);
            self.input_uncached = input.map(|input| input.checked_sub(inside).unwrap_or(input));
            self.cache_read = read.or(cached);
            self.cache_write = reported.get(Figure::CacheWrite);
        } else {
            self.set_rare_input(reported);
        }
    }

    #[cold]
    fn set_rare_input(&mut self, reported: &Reported) {
        let read = reported.get(Figure::CacheRead);
        let lifetimes = [Figure::CacheWriteShort, Figure::CacheWriteLong];
        let lifetimes = sum(&lifetimes.map(|figure| reported.get(figure)));
        let written = reported.get(Figure::CacheWrite);
        let (inside_read, inside_written) = match (read, written) {
            (None, None) => (reported.get(Figure::Cached), reported.get(Figure::CacheWriteInside)),
            (None, _) => (reported.get(Figure::Cached), None),
            _ => (None, None),
        };
        self.cache_read = read.or(reported.get(Figure::Cached));
        self.cache_write = written.or(reported.get(Figure::CacheWriteInside)).or(lifetimes);
        self.cache_write_long = reported
            .get(Figure::CacheWriteLong)
            .map(|long| long.min(self.cache_write.unwrap_or(long)));
        let inside = sum(&[inside_read, inside_written]).unwrap_or(0);
        let input =
            reported.get(Figure::Input).map(|input| input.checked_sub(inside).unwrap_or(input));
        self.input_uncached = sum(&[input, reported.get(Figure::ToolPrompt)]);
    }

    /// Reasoning stands beside the output in xAI's chat completions, in Gemini's own API and in
    /// Perplexity's, and inside of it elsewhere. Where the shape leaves it open, the total tells;
    /// without a total it is inside, if it can be.
    fn set_output(&mut self, reported: &Reported, shape: Shape) {
        let output = reported.get(Figure::Output);
        let total = reported.get(Figure::Total);
        let inputs = [reported.get(Figure::Input), self.input()];
        let is_total =
            |output: Option<u64>| inputs.iter().any(|input| sum(&[*input, output]) == total);
        if let Some(thoughts) = reported.get(Figure::Thoughts) {
            (self.output_visible, self.reasoning) = (output, Some(thoughts));
            self.inconsistent = total.is_some() && !is_total(self.output());
            return;
        }
        let reported_reasoning = reported.get(Figure::Reasoning);
        let Some(output) = output else {
            self.reasoning = reported_reasoning;
            return;
        };
        let reasoning = reported_reasoning.unwrap_or(0);
        let with_reasoning = output.saturating_add(reasoning);
        // Whether the total has the reasoning in it does not matter where it is known to be beside.
        let is_perplexity = shape == Shape::ChatPerplexity
            || shape == Shape::AsyncPerplexity
            || reported.get(Figure::Citations).is_some();
        let is_beside = match total {
            Some(_) if is_perplexity => {
                self.inconsistent = !is_total(Some(output)) && !is_total(Some(with_reasoning));
                true
            }
            None if is_perplexity => true,
            Some(_) if is_total(Some(output)) => false,
            Some(_) if is_total(Some(with_reasoning)) => true,
            Some(total) => {
                let rest = self.input().unwrap_or(0).saturating_add(output);
                // Google's chat completions name it nowhere else.
                if let (Shape::ChatGoogle, None, Some(hidden)) =
                    (shape, reported_reasoning, total.checked_sub(rest))
                {
                    (self.output_visible, self.reasoning) = (Some(output), Some(hidden));
                    return;
                }
                self.inconsistent = true;
                false
            }
            None => reasoning > output,
        };
        let inside = if is_beside { 0 } else { reasoning.min(output) };
        self.output_visible = Some(output - inside);
        self.reasoning = reported_reasoning.map(|_| if is_beside { reasoning } else { inside });
    }

    /// What few providers report. What was cached is known of the whole input only, or by modality.
    #[cold]
    fn set_rest(&mut self, reported: &Reported) {
        self.citations = reported.get(Figure::Citations);
        // Some write a zero where there was no audio.
        self.duration_ms = reported.get(Figure::DurationMs).filter(|duration| *duration > 0);
        self.characters = reported.get(Figure::Characters);
        self.search_units = reported.get(Figure::SearchUnits);
        self.pages = reported.get(Figure::Pages);
        let fresh = |all, cached| {
            let fresh = reported.get(all)?.saturating_sub(reported.get(cached).unwrap_or(0));
            Some(fresh.min(self.input_uncached.unwrap_or(fresh)))
        };
        self.audio_input = fresh(Figure::AudioInput, Figure::AudioCached);
        self.image_input = fresh(Figure::ImageInput, Figure::ImageCached);
        let visible = |figure| {
            let tokens = reported.get(figure)?;
            Some(tokens.min(self.output_visible.unwrap_or(tokens)))
        };
        self.audio_output = visible(Figure::AudioOutput);
        self.image_output = visible(Figure::ImageOutput);
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
        of(Shape::Other, json)
    }

    fn of(shape: Shape, json: &str) -> Usage {
        Usage::new(&Reported::read(json.as_bytes()).unwrap(), shape)
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

    #[test]
    fn gemini_counts_thoughts_and_tools_beside() {
        let usage = of(
            Shape::GenerateContent,
            r#"{"promptTokenCount":427,"candidatesTokenCount":122,"toolUsePromptTokenCount":771,
                "thoughtsTokenCount":447,"totalTokenCount":1767,"cachedContentTokenCount":100,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":327},
                    {"modality":"AUDIO","tokenCount":60},{"modality":"IMAGE","tokenCount":40}],
                "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":10}],
                "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":22}]}"#,
        );
        assert_eq!((usage.input_uncached, usage.cache_read), (Some(1098), Some(100)));
        assert_eq!((usage.output_visible, usage.reasoning), (Some(122), Some(447)));
        assert_eq!((usage.total(), usage.inconsistent), (Some(1767), false));
        assert_eq!((usage.audio_input, usage.image_input), (Some(50), Some(40)));
        assert_eq!((usage.audio_output, usage.image_output), (None, Some(22)));
        let interactions = of(
            Shape::Interactions,
            r#"{"total_input_tokens":22,"total_output_tokens":973,"total_thought_tokens":129,
                "total_tool_use_tokens":249,"total_cached_tokens":2,"total_tokens":1373,
                "input_tokens_by_modality":[{"modality":"text","tokens":22}]}"#,
        );
        assert_eq!((interactions.input(), interactions.output()), (Some(271), Some(1102)));
        assert_eq!((interactions.cache_read, interactions.inconsistent), (Some(2), false));
        // All of the output may be thoughts.
        let cut = r#"{"promptTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":12}"#;
        let cut = of(Shape::GenerateContent, cut);
        assert_eq!((cut.output(), cut.reasoning, cut.inconsistent), (Some(7), Some(7), false));
        let odd = r#"{"promptTokenCount":5,"candidatesTokenCount":1,"thoughtsTokenCount":7,"totalTokenCount":9}"#;
        assert!(of(Shape::GenerateContent, odd).inconsistent);
    }

    #[test]
    fn google_tells_reasoning_by_the_total_alone() {
        let json = r#"{"prompt_tokens":35,"completion_tokens":12,"total_tokens":109}"#;
        let usage = of(Shape::ChatGoogle, json);
        assert_eq!((usage.output_visible, usage.reasoning), (Some(12), Some(62)));
        assert_eq!((usage.total(), usage.inconsistent), (Some(109), false));
        assert!(of(Shape::Chat, json).inconsistent);
        let less = r#"{"prompt_tokens":35,"completion_tokens":12,"total_tokens":40}"#;
        assert!(of(Shape::ChatGoogle, less).inconsistent);
    }

    #[test]
    fn perplexity_counts_reasoning_beside_a_total_that_adds_up_without_it() {
        let json = r#"{"prompt_tokens":33,"completion_tokens":11395,"total_tokens":11428,
            "reasoning_tokens":193947,"citation_tokens":52848,"num_search_queries":28,
            "cost":{"request_cost":0.0,"total_cost":1.10128}}"#;
        for shape in [Shape::ChatPerplexity, Shape::AsyncPerplexity, Shape::Chat] {
            let usage = of(shape, json);
            assert_eq!((usage.input(), usage.output()), (Some(33), Some(205_342)));
            assert_eq!((usage.reasoning, usage.citations), (Some(193_947), Some(52_848)));
            assert_eq!(usage.cost_ticks, Some(11_012_800_000));
            assert_eq!((usage.tools.web_search, usage.inconsistent), (Some(28), false));
        }
        let small =
            r#"{"prompt_tokens":3,"completion_tokens":10,"total_tokens":13,"reasoning_tokens":4}"#;
        assert_eq!(of(Shape::ChatPerplexity, small).output(), Some(14));
        assert_eq!(of(Shape::Chat, small).output(), Some(10));
    }

    #[test]
    fn cache_writes_are_inside_of_the_input_where_the_details_have_them() {
        let openai = usage(
            r#"{"input_tokens":1000,"output_tokens":10,"total_tokens":1010,"input_tokens_details":{
                "cached_tokens":300,"cache_write_tokens":200,
                "cache_write_tokens_details":{"ttl_30m_tokens":150,"ttl_12h_tokens":50}}}"#,
        );
        assert_eq!((openai.input_uncached, openai.cache_read), (Some(500), Some(300)));
        assert_eq!((openai.cache_write, openai.cache_write_long), (Some(200), Some(50)));
        assert_eq!((openai.total(), openai.inconsistent), (Some(1010), false));
        let anthropic = usage(
            r#"{"input_tokens":10,"cache_read_input_tokens":20,"cache_creation_input_tokens":30,
                "cache_creation":{"ephemeral_5m_input_tokens":18,"ephemeral_1h_input_tokens":12},
                "output_tokens":5,"output_tokens_details":{"thinking_tokens":2}}"#,
        );
        assert_eq!((anthropic.input_uncached, anthropic.input()), (Some(10), Some(60)));
        assert_eq!((anthropic.cache_write, anthropic.cache_write_long), (Some(30), Some(12)));
        assert_eq!((anthropic.output_visible, anthropic.reasoning), (Some(3), Some(2)));
    }

    #[test]
    fn other_names_of_what_was_cached() {
        for json in [
            r#"{"prompt_tokens":563,"prompt_cache_hit_tokens":512,"prompt_cache_miss_tokens":51,
                "completion_tokens":1,"total_tokens":564,"prompt_tokens_details":{"cached_tokens":512}}"#,
            r#"{"prompt_tokens":563,"cached_tokens":512,"completion_tokens":1,"total_tokens":564}"#,
            r#"{"prompt_tokens":563,"num_cached_tokens":512,"completion_tokens":1,"total_tokens":564}"#,
            r#"{"total_tokens":564,"input_tokens":563,"output_tokens":1,
                "input_token_details":{"cached_tokens":512,"cached_tokens_details":{"audio_tokens":2}}}"#,
        ] {
            let usage = usage(json);
            assert_eq!((usage.input_uncached, usage.cache_read), (Some(51), Some(512)), "{json}");
            assert_eq!((usage.total(), usage.inconsistent), (Some(564), false), "{json}");
        }
    }

    #[test]
    fn mistral_counts_connectors_beside_the_prompt_and_audio_in_seconds() {
        let conversation = usage(
            r#"{"prompt_tokens":188,"completion_tokens":55,"total_tokens":7355,
                "connector_tokens":7112,"connectors":{"web_search":1}}"#,
        );
        assert_eq!((conversation.input(), conversation.inconsistent), (Some(7300), false));
        assert_eq!(conversation.tools.web_search, Some(1));
        let audio = usage(r#"{"prompt_tokens":4,"completion_tokens":1,"prompt_audio_seconds":12}"#);
        assert_eq!(audio.duration_ms, Some(12_000));
        let none = usage(r#"{"prompt_tokens":4,"completion_tokens":1,"prompt_audio_seconds":{}}"#);
        assert_eq!(none.duration_ms, None);
    }
}
