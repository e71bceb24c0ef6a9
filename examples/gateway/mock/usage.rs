//! Usage and cost, as each API counts them.

use serde_json::{Value, json};

use super::{answer::Answer, models::Price};

/// The usage of a request. Cached tokens are part of the input; reasoning is not part of the output.
pub(super) struct Usage {
    input: u64,
    cached: u64,
    output: u64,
    reasoning: u64,
    price: Price,
}

impl Usage {
    pub(super) fn new(prompt: &str, answer: &Answer, price: Price) -> Self {
        // The tokens around the words of a prompt count too.
        let input = 8 + tokens(prompt);
        Self {
            input,
            // The cache has whole blocks, and never the last token.
            cached: (input - 1) / 64 * 64,
            output: tokens(&answer.content),
            reasoning: tokens(&answer.reasoning),
            price,
        }
    }

    fn cost_in_ticks(&self) -> u64 {
        (self.input - self.cached) * self.price.input
            + self.cached * self.price.cached
            + (self.output + self.reasoning) * self.price.output
    }

    /// Chat completions: reasoning is added to the total.
    pub(super) fn chat(&self) -> Value {
        json!({
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output + self.reasoning,
            "prompt_tokens_details": {
                "text_tokens": self.input, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": self.cached,
            },
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
            "num_sources_used": 0,
            "cost_in_usd_ticks": self.cost_in_ticks(),
        })
    }

    /// Responses: reasoning is inside the output.
    pub(super) fn responses(&self) -> Value {
        let output = self.output + self.reasoning;
        json!({
            "input_tokens": self.input,
            "input_tokens_details": { "cached_tokens": self.cached },
            "output_tokens": output,
            "output_tokens_details": { "reasoning_tokens": self.reasoning },
            "total_tokens": self.input + output,
            "num_sources_used": 0,
            "num_server_side_tools_used": 0,
            "cost_in_usd_ticks": self.cost_in_ticks(),
        })
    }

    /// Messages: the input excludes cached tokens, and no cost is reported.
    pub(super) fn messages(&self) -> Value {
        json!({
            "input_tokens": self.input - self.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": self.cached,
            "output_tokens": self.output + self.reasoning,
        })
    }
}

/// Four bytes per token, which is close enough for English.
pub(super) fn tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_apis() {
        let usage = Usage {
            input: 204,
            cached: 128,
            output: 2,
            reasoning: 62,
            price: Price { input: 12_500, cached: 2_000, output: 25_000 },
        };
        let (chat, responses, messages) = (usage.chat(), usage.responses(), usage.messages());
        assert_eq!(chat["total_tokens"], 204 + 2 + 62);
        assert_eq!(chat["completion_tokens"], 2);
        assert_eq!(responses["total_tokens"], 204 + 64);
        assert_eq!(responses["output_tokens"], 64);
        assert_eq!(messages["input_tokens"], 76);
        for usage in [chat, responses] {
            assert_eq!(usage["cost_in_usd_ticks"], 76 * 12_500 + 128 * 2_000 + 64 * 25_000);
        }
    }

    #[test]
    fn the_cache_never_holds_the_whole_prompt() {
        let answer = Answer::to("");
        let price = Price { input: 1, cached: 0, output: 0 };
        for length in 0..1000 {
            let usage = Usage::new(&"x".repeat(length), &answer, price);
            assert!(usage.cached < usage.input);
        }
    }
}
