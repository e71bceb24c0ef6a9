//! A `usage` object as a provider writes it, under the names of any API.

use super::members::Cursor;
use super::tokens::ToolCalls;

/// A figure of a usage object, whatever its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    /// `prompt_tokens` (chat, embeddings) or `input_tokens` (Responses, Messages).
    Input,
    /// `completion_tokens` or `output_tokens`.
    Output,
    /// `total_tokens`.
    Total,
    /// `cached_tokens` in the input's details: a part of the input.
    Cached,
    /// `cache_read_input_tokens` (Messages): beside the input.
    CacheRead,
    /// `cache_creation_input_tokens` (Messages): beside the input.
    CacheWrite,
    /// `reasoning_tokens` in the output's details.
    Reasoning,
    /// `cost_in_usd_ticks`, or the older `cost_in_nano_usd` tenfold.
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
}

const FIGURES: usize = Figure::ImageGeneration as usize + 1;

/// The figures of one `usage` object: copied for every event that has one, so kept small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reported {
    figures: [u64; FIGURES],
    /// One bit for each figure that is there.
    told: u16,
}

impl Reported {
    /// `None` where the object does not say.
    pub(super) fn get(&self, figure: Figure) -> Option<u64> {
        (self.told & 1 << figure as u16 != 0).then_some(self.figures[figure as usize])
    }

    pub(super) fn set(&mut self, figure: Figure, value: u64) {
        self.figures[figure as usize] = value;
        self.told |= 1 << figure as u16;
    }

    pub(super) fn tools(&self) -> ToolCalls {
        ToolCalls {
            web_search: self.get(Figure::WebSearch),
            x_search: self.get(Figure::XSearch),
            code_interpreter: self.get(Figure::CodeInterpreter),
            file_search: self.get(Figure::FileSearch),
            mcp: self.get(Figure::Mcp),
            document_search: self.get(Figure::DocumentSearch),
            image_generation: self.get(Figure::ImageGeneration),
        }
    }

    /// Takes over every figure that `newer` has: the events of Messages each tell a part, and
    /// what they tell is cumulative.
    pub(super) fn update(&mut self, newer: &Self) {
        let figures = self.figures.iter_mut().zip(newer.figures).enumerate();
        for (_, (own, newer)) in figures.filter(|(place, _)| newer.told & 1 << place != 0) {
            *own = newer;
        }
        self.told |= newer.told;
    }

    /// Reads a whole object; `None` where it is malformed.
    pub(super) fn read(object: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        (read.parse(object)? == object.len()).then_some(read)
    }

    /// Takes over the figures of the object that `json` begins with and gives its length; `None`
    /// where it is malformed or not all there. Members of other names are passed over.
    pub(super) fn parse(&mut self, json: &[u8]) -> Option<usize> {
        let mut cursor = Cursor::new(json);
        cursor.members(|key, value| match name(key) {
            Name::Of(figure) => self.figure(figure, value),
            Name::NanoUsd => {
                let ticks = value.number()?.map(|nano| nano.saturating_mul(10));
                if let (Some(ticks), None) = (ticks, self.get(Figure::CostTicks)) {
                    self.set(Figure::CostTicks, ticks);
                }
                Some(())
            }
            Name::Details(inside) if value.is_at_object() => {
                value.members(|key, value| match inside(key) {
                    Some(figure) => self.figure(figure, value),
                    None => value.skip(),
                })
            }
            // `null` and anything else has no members.
            Name::Details(_) | Name::Unknown => value.skip(),
        })?;
        Some(json.len() - cursor.rest().len())
    }

    fn figure(&mut self, figure: Figure, value: &mut Cursor<'_>) -> Option<()> {
        if let Some(value) = value.number()? {
            self.set(figure, value);
        }
        Some(())
    }
}

/// What a member of a usage object is.
enum Name {
    Of(Figure),
    NanoUsd,
    /// An object with figures in it.
    Details(fn(&[u8]) -> Option<Figure>),
    Unknown,
}

fn name(key: &[u8]) -> Name {
    Name::Of(match key {
        b"prompt_tokens" | b"input_tokens" => Figure::Input,
        b"completion_tokens" | b"output_tokens" => Figure::Output,
        b"total_tokens" => Figure::Total,
        b"cache_read_input_tokens" => Figure::CacheRead,
        b"cache_creation_input_tokens" => Figure::CacheWrite,
        b"cost_in_usd_ticks" => Figure::CostTicks,
        b"num_server_side_tools_used" => Figure::ToolsUsed,
        b"cost_in_nano_usd" => return Name::NanoUsd,
        b"prompt_tokens_details" | b"input_tokens_details" => {
            return Name::Details(|key| (key == b"cached_tokens").then_some(Figure::Cached));
        }
        b"completion_tokens_details" | b"output_tokens_details" => {
            return Name::Details(|key| (key == b"reasoning_tokens").then_some(Figure::Reasoning));
        }
        b"server_side_tool_usage_details" | b"server_tool_use" => return Name::Details(tool),
        _ => return Name::Unknown,
    })
}

fn tool(key: &[u8]) -> Option<Figure> {
    Some(match key {
        b"web_search_calls" | b"web_search_requests" => Figure::WebSearch,
        b"x_search_calls" => Figure::XSearch,
        b"code_interpreter_calls" => Figure::CodeInterpreter,
        b"file_search_calls" => Figure::FileSearch,
        b"mcp_calls" => Figure::Mcp,
        b"document_search_calls" => Figure::DocumentSearch,
        b"image_generation_calls" => Figure::ImageGeneration,
        _ => return None,
    })
}
