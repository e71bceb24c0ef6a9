//! A `usage` object as a provider writes it, under the names of any API.

use super::members::Cursor;
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
    /// Reads a whole object; `None` where it is malformed.
    pub(super) fn read(object: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        (read.parse(object)? == object.len()).then_some(read)
    }

    /// Takes over the figures of the object that `json` begins with and gives its length; `None`
    /// where it is malformed or not all there. Members of other names are passed over.
    pub(super) fn parse(&mut self, json: &[u8]) -> Option<usize> {
        let mut cursor = Cursor::new(json);
        cursor.members(|key, value| match key {
            b"prompt_tokens" | b"input_tokens" => set(&mut self.input, value),
            b"completion_tokens" | b"output_tokens" => set(&mut self.output, value),
            b"total_tokens" => set(&mut self.total, value),
            b"cache_read_input_tokens" => set(&mut self.cache_read, value),
            b"cache_creation_input_tokens" => set(&mut self.cache_write, value),
            b"cost_in_usd_ticks" => set(&mut self.cost_ticks, value),
            b"cost_in_nano_usd" => {
                let ticks = value.number()?.map(|nano| nano.saturating_mul(10));
                self.cost_ticks = self.cost_ticks.or(ticks);
                Some(())
            }
            b"num_server_side_tools_used" => set(&mut self.tools_used, value),
            b"prompt_tokens_details" | b"input_tokens_details" => {
                details(value, |key, value| match key {
                    b"cached_tokens" => set(&mut self.cached, value),
                    _ => value.skip(),
                })
            }
            b"completion_tokens_details" | b"output_tokens_details" => {
                details(value, |key, value| match key {
                    b"reasoning_tokens" => set(&mut self.reasoning, value),
                    _ => value.skip(),
                })
            }
            b"server_side_tool_usage_details" | b"server_tool_use" => {
                details(value, |key, value| match self.tools.kind(key) {
                    Some(calls) => set(calls, value),
                    None => value.skip(),
                })
            }
            _ => value.skip(),
        })?;
        Some(json.len() - cursor.rest().len())
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

fn set(figure: &mut Option<u64>, value: &mut Cursor<'_>) -> Option<()> {
    *figure = value.number()?.or(*figure);
    Some(())
}

/// The members of a nested object; `null` and anything else has none.
fn details<'a>(
    value: &mut Cursor<'a>,
    each: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Option<()>,
) -> Option<()> {
    if value.is_at_object() { value.members(each) } else { value.skip() }
}
