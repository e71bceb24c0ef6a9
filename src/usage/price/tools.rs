//! What tools cost that run on the provider's side.

use super::{PARTS, Rate};
use crate::usage::tokens::{Usage, each_tool};

/// Per call of a tool; `None` where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolPrices {
    /// Per search of the web.
    pub web_search: Option<Rate>,
    /// Per search of X.
    pub x_search: Option<Rate>,
    /// Per run of code.
    pub code_interpreter: Option<Rate>,
    /// Per search of the caller's stored files.
    pub file_search: Option<Rate>,
    /// Per call of a remote MCP server.
    pub mcp: Option<Rate>,
    /// Per search of documents.
    pub document_search: Option<Rate>,
    /// Per image made on the way.
    pub image_generation: Option<Rate>,
}

impl ToolPrices {
    /// Field by field these, and `weaker` where these say nothing.
    #[must_use]
    pub fn or(self, weaker: &Self) -> Self {
        macro_rules! or {
            ($($tool:ident: $figure:ident)+) => { Self { $($tool: self.$tool.or(weaker.$tool),)+ } };
        }
        each_tool!(or)
    }

    /// In the order of `ToolCalls::all`.
    fn all(&self) -> [Option<Rate>; 7] {
        macro_rules! all {
            ($($tool:ident: $figure:ident)+) => { [$(self.$tool),+] };
        }
        each_tool!(all)
    }

    pub(in crate::usage) fn ticks(&self, usage: &Usage) -> Option<u64> {
        let parts = self.of(usage)?.saturating_add(u128::from(PARTS / 2));
        Some(u64::try_from(parts / u128::from(PARTS)).unwrap_or(u64::MAX))
    }

    /// In parts of a tick. `None` where a tool was called whose price, or whose kind, is not known.
    pub(in crate::usage) fn of(&self, usage: &Usage) -> Option<u128> {
        if usage.tool_calls > usage.tools.total() && usage.tool_calls > Some(0) {
            return None;
        }
        let mut tools = usage.tools.all().into_iter().zip(self.all());
        tools.try_fold(0_u128, |sum, (calls, price)| match (calls.unwrap_or(0), price) {
            (0, _) => Some(sum),
            (calls, price) => {
                Some(sum.saturating_add(u128::from(calls) * u128::from(price?.parts())))
            }
        })
    }
}
