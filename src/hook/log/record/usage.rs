//! The usage of an exchange in its record.

use serde::{Deserialize, Serialize};

use crate::hook::log::cut::Cut;
use crate::usage::{ToolCalls, Usage, UsagePart};

/// The maximum number of models per exchange that are listed separately.
const MOST_PARTS: usize = 32;

/// Tokens by kind; the kinds do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoggedUsage {
    /// Input tokens that were not cached.
    pub input_uncached: Option<u64>,
    /// Input tokens from the provider's cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to the provider's cache.
    pub cache_write: Option<u64>,
    /// The part of these that is cached for longer than usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<u64>,
    /// The audio tokens in the uncached input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    /// The image tokens in the uncached input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input: Option<u64>,
    /// Output tokens without reasoning.
    pub output_visible: Option<u64>,
    /// The audio tokens in these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    /// The image tokens in these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output: Option<u64>,
    /// Output tokens of reasoning.
    pub reasoning: Option<u64>,
    /// The total that the provider reported.
    pub total_reported: Option<u64>,
    /// Calls of tools on the provider's side.
    pub tool_calls: Option<u64>,
    /// The same by kind, if the provider reports it.
    pub tools: Option<ToolCalls>,
    /// Images in the response.
    pub images: Option<u64>,
    /// Audio or video in milliseconds, if it is billed by time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Characters of text, if it is billed by them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<u64>,
    /// Searches of a reranker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_units: Option<u64>,
    /// Processed pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u64>,
    /// The service tier that the response names.
    pub service_tier: Option<String>,
    /// The reported total does not match any known way of counting.
    pub inconsistent: bool,
    /// The usage of each model if there were several, up to 32.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<LoggedPart>,
}

/// The usage of one of several models in an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoggedPart {
    /// The model; `None` for the one that the response names.
    pub model: Option<String>,
    /// Its usage, without a service tier and parts.
    pub usage: LoggedUsage,
}

impl LoggedUsage {
    pub(super) fn new(usage: &Usage) -> Self {
        macro_rules! copied {
            ($($field:ident)+) => { Self { $($field: usage.$field,)+ ..Self::default() } };
        }
        let copied = copied!(input_uncached cache_read cache_write cache_write_long audio_input
            image_input output_visible audio_output image_output reasoning total_reported tool_calls
            images duration_ms characters search_units pages inconsistent);
        Self { tools: usage.tools.total().map(|_| usage.tools), ..copied }
    }
}

pub(super) fn parts(parts: &[UsagePart], cut: &mut Cut) -> Vec<LoggedPart> {
    cut.was_needed |= parts.len() > MOST_PARTS;
    let logged = |part: &UsagePart| LoggedPart {
        model: part.model.as_deref().map(|model| cut.copy(model)),
        usage: LoggedUsage::new(&part.usage),
    };
    parts.iter().take(MOST_PARTS).map(logged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Has a different number in every field.
    fn usage() -> Usage {
        let numbers = (1..).map(|number| Some(number * 1_000_000_007));
        let mut numbers = numbers.take(18);
        let mut next = || numbers.next().unwrap();
        let mut usage = Usage::default();
        for field in [
            &mut usage.input_uncached,
            &mut usage.cache_read,
            &mut usage.cache_write,
            &mut usage.cache_write_long,
            &mut usage.audio_input,
            &mut usage.image_input,
            &mut usage.output_visible,
            &mut usage.audio_output,
            &mut usage.image_output,
            &mut usage.reasoning,
            &mut usage.total_reported,
            &mut usage.tool_calls,
            &mut usage.images,
            &mut usage.duration_ms,
            &mut usage.characters,
            &mut usage.search_units,
            &mut usage.pages,
            &mut usage.tools.web_search,
        ] {
            *field = next();
        }
        usage
    }

    #[test]
    fn every_count_is_written_and_reads_back() {
        let logged =
            LoggedUsage { service_tier: Some("flex".into()), ..LoggedUsage::new(&usage()) };
        let json = serde_json::to_value(&logged).unwrap();
        let n = |number: u64| number * 1_000_000_007;
        assert_eq!(
            json,
            json!({
                "input_uncached": n(1), "cache_read": n(2), "cache_write": n(3),
                "cache_write_long": n(4), "audio_input": n(5), "image_input": n(6),
                "output_visible": n(7), "audio_output": n(8), "image_output": n(9),
                "reasoning": n(10), "total_reported": n(11), "tool_calls": n(12), "images": n(13),
                "duration_ms": n(14), "characters": n(15), "search_units": n(16), "pages": n(17),
                "tools": {
                    "web_search": n(18), "x_search": null, "code_interpreter": null,
                    "file_search": null, "mcp": null, "document_search": null,
                    "image_generation": null,
                },
                "service_tier": "flex", "inconsistent": false,
            })
        );
        assert_eq!(serde_json::from_value::<LoggedUsage>(json).unwrap(), logged);
    }

    #[test]
    fn the_usage_of_each_model_is_written_and_bounded() {
        let share = |model: Option<&str>| UsagePart { model: model.map(Box::from), usage: usage() };
        let mut cut = Cut::at(8);
        let logged = parts(&[share(None), share(Some("claude-haiku"))], &mut cut);
        assert!(cut.was_needed);
        assert_eq!(logged[0], LoggedPart { model: None, usage: LoggedUsage::new(&usage()) });
        assert_eq!(logged[1].model.as_deref(), Some("claude-h\u{2026}"));
        let whole = LoggedUsage { parts: logged, ..LoggedUsage::default() };
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<LoggedUsage>(&json).unwrap(), whole);

        let mut cut = Cut::at(8);
        assert_eq!(parts(&vec![share(None); 33], &mut cut).len(), 32);
        assert!(cut.was_needed, "the record says that there were more");
    }

    #[test]
    fn missing_counts_of_rare_units_are_omitted() {
        let json = serde_json::to_value(LoggedUsage::new(&Usage::default())).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 11);
    }
}
