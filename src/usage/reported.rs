//! A `usage` object as a provider writes it, under the names of any API.

use super::members::{members, number};
use super::tokens::ToolCalls;

/// The figures of one `usage` object; `None` where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reported {
    /// `prompt_tokens` (chat, embeddings) or `input_tokens` (Responses, Messages).
    pub(super) input: Option<u64>,
    /// `completion_tokens` or `output_tokens`.
    pub(super) output: Option<u64>,
    /// `total_tokens`.
    pub(super) total: Option<u64>,
    /// `cached_tokens` in the input's details: a part of the input.
    pub(super) cached: Option<u64>,
    /// `cache_read_input_tokens` (Messages): beside the input.
    pub(super) cache_read: Option<u64>,
    /// `cache_creation_input_tokens` (Messages): beside the input.
    pub(super) cache_write: Option<u64>,
    /// `reasoning_tokens` in the output's details.
    pub(super) reasoning: Option<u64>,
    /// `cost_in_usd_ticks`, or the older `cost_in_nano_usd` tenfold.
    pub(super) cost_ticks: Option<u64>,
    /// `num_server_side_tools_used`.
    pub(super) tools_used: Option<u64>,
    /// `server_side_tool_usage_details`, or `server_tool_use` (Messages).
    pub(super) tools: ToolCalls,
}

impl Reported {
    /// `None` where the object is malformed. Members of other names are passed over.
    pub(super) fn read(object: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        members(object, |key, value| {
            match key {
                b"prompt_tokens" | b"input_tokens" => set(&mut read.input, value),
                b"completion_tokens" | b"output_tokens" => set(&mut read.output, value),
                b"total_tokens" => set(&mut read.total, value),
                b"cache_read_input_tokens" => set(&mut read.cache_read, value),
                b"cache_creation_input_tokens" => set(&mut read.cache_write, value),
                b"cost_in_usd_ticks" => set(&mut read.cost_ticks, value),
                b"cost_in_nano_usd" => {
                    let ticks = number(value).map(|nano| nano.saturating_mul(10));
                    read.cost_ticks = read.cost_ticks.or(ticks);
                }
                b"num_server_side_tools_used" => set(&mut read.tools_used, value),
                b"prompt_tokens_details" | b"input_tokens_details" => {
                    details(value, |key, value| {
                        if key == b"cached_tokens" {
                            set(&mut read.cached, value);
                        }
                    })?;
                }
                b"completion_tokens_details" | b"output_tokens_details" => {
                    details(value, |key, value| {
                        if key == b"reasoning_tokens" {
                            set(&mut read.reasoning, value);
                        }
                    })?;
                }
                b"server_side_tool_usage_details" | b"server_tool_use" => {
                    details(value, |key, value| read.tools.set(key, number(value)))?;
                }
                _ => {}
            }
            Some(())
        })?;
        Some(read)
    }

    /// Takes over every figure that `newer` has: the events of Messages each tell a part, and
    /// what they tell is cumulative.
    pub(super) fn update(&mut self, newer: &Self) {
        self.input = newer.input.or(self.input);
        self.output = newer.output.or(self.output);
        self.total = newer.total.or(self.total);
        self.cached = newer.cached.or(self.cached);
        self.cache_read = newer.cache_read.or(self.cache_read);
        self.cache_write = newer.cache_write.or(self.cache_write);
        self.reasoning = newer.reasoning.or(self.reasoning);
        self.cost_ticks = newer.cost_ticks.or(self.cost_ticks);
        self.tools_used = newer.tools_used.or(self.tools_used);
        self.tools.update(&newer.tools);
    }
}

fn set(figure: &mut Option<u64>, value: &[u8]) {
    *figure = number(value).or(*figure);
}

/// The members of a nested object; `null` and anything else has none.
fn details<'a>(value: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8])) -> Option<()> {
    if !value.starts_with(b"{") {
        return Some(());
    }
    members(value, |key, value| {
        each(key, value);
        Some(())
    })
}
