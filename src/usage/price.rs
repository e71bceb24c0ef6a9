//! The price of one model. All amounts are in ticks: 1 USD = 10^10 ticks.

use super::tokens::{ToolCalls, Usage};

/// Ticks per USD.
pub(super) const USD: u64 = 10_000_000_000;

/// What a model costs. Parts that are not known make what needs them have no price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Price {
    /// Per token.
    pub tokens: Option<TokenPrice>,
    /// Per token of requests with long inputs.
    pub long_context: Option<LongContext>,
    /// Ticks per generated image; edits have no cost from a table.
    pub image: Option<u64>,
    /// What of the token prices a batch pays, in percent. The gateway itself bills no batches: it
    /// takes the pages of their results for what was billed before, so that this changes no
    /// [`Cost`](crate::Cost) of an exchange.
    pub batch_percent: Option<u64>,
    /// Where another price holds.
    pub regional: Option<Regional>,
}

/// Ticks per token; at 12,500 a million tokens cost 1.25 USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenPrice {
    /// Per input token that came from no cache.
    pub input: u64,
    /// Per input token that came from the provider's cache.
    pub cached_input: u64,
    /// Per output token, reasoning included.
    pub output: u64,
}

impl TokenPrice {
    /// From ticks per token.
    #[must_use]
    pub fn new(input: u64, cached_input: u64, output: u64) -> Self {
        Self { input, cached_input, output }
    }
}

/// The price of requests with long inputs: of all their tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongContext {
    /// The least number of input tokens, cached ones included, that is long.
    pub from: u64,
    /// Per token.
    pub tokens: TokenPrice,
}

impl LongContext {
    /// Holds from `from` input tokens on.
    #[must_use]
    pub fn new(from: u64, tokens: TokenPrice) -> Self {
        Self { from, tokens }
    }
}

/// The price at one of the provider's hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Regional {
    /// The host's name, as in `us.api.x.ai`.
    pub host: Box<str>,
    /// What it costs there, in percent of the token prices.
    pub percent: u64,
}

impl Regional {
    /// At `host`, `percent` of the token prices.
    #[must_use]
    pub fn new(host: impl Into<Box<str>>, percent: u64) -> Self {
        Self { host: host.into(), percent }
    }
}

impl Price {
    /// Per token.
    #[must_use]
    pub fn per_token(tokens: TokenPrice) -> Self {
        Self { tokens: Some(tokens), ..Self::default() }
    }

    /// Per image, in ticks. Edits of images have no cost from a table.
    #[must_use]
    pub fn per_image(ticks: u64) -> Self {
        Self { image: Some(ticks), ..Self::default() }
    }

    /// Ticks for all tokens; `None` where the usage or the price is not known.
    pub(super) fn of_tokens(&self, usage: &Usage, has_output: bool) -> Option<u128> {
        let prompt = usage.input()?;
        let long = self.long_context.filter(|long| prompt >= long.from).map(|long| long.tokens);
        let price = long.or(self.tokens)?;
        let output = if has_output { usage.output()? } else { usage.output().unwrap_or(0) };
        let cached = usage.cache_read.unwrap_or(0);
        let fresh = prompt.saturating_sub(cached);
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        Some(
            part(fresh, price.input)
                .saturating_add(part(cached, price.cached_input))
                .saturating_add(part(output, price.output)),
        )
    }
}

/// Ticks per call of a tool; `None` where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolPrices {
    /// Per search of the web.
    pub web_search: Option<u64>,
    /// Per search of X.
    pub x_search: Option<u64>,
    /// Per run of code.
    pub code_interpreter: Option<u64>,
    /// Per search of the caller's stored files.
    pub file_search: Option<u64>,
    /// Per call of a remote MCP server.
    pub mcp: Option<u64>,
}

impl ToolPrices {
    /// `None` where a tool was called whose price, or whose kind, is not known.
    pub(super) fn of(&self, usage: &Usage) -> Option<u128> {
        let ToolCalls {
            web_search,
            x_search,
            code_interpreter,
            file_search,
            mcp,
            document_search,
            image_generation,
        } = usage.tools;
        if usage.tool_calls > usage.tools.total() && usage.tool_calls > Some(0) {
            return None;
        }
        [
            (web_search, self.web_search),
            (x_search, self.x_search),
            (code_interpreter, self.code_interpreter),
            (file_search, self.file_search),
            (mcp, self.mcp),
            (document_search, None),
            (image_generation, None),
        ]
        .into_iter()
        .try_fold(0_u128, |sum, (calls, price)| match (calls.unwrap_or(0), price) {
            (0, _) => Some(sum),
            (calls, price) => Some(sum.saturating_add(u128::from(calls) * u128::from(price?))),
        })
    }
}
