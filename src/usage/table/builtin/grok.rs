//! xAI: <https://docs.x.ai/docs/models>, as of 2026-09-21. Costs that xAI reports itself take
//! precedence.

use super::rows::{Row, calls, dated, scaled};
use crate::usage::price::{LongContext, Price, Rate, Regional, Tier, ToolPrices};

pub(super) const ROWS: &[Row] = &[
    ("grok-4.7", ["2.00", "0.50", "6.00"], us),
    ("grok-4.6", ["2.00", "0.50", "6.00"], us),
    ("grok-4.5", ["2.00", "0.30", "6.00"], unbatched),
    ("grok-4.3", ["1.25", "0.20", "2.50"], batched),
    ("grok-4.20-0309-reasoning", ["1.25", "0.20", "2.50"], batched),
    ("grok-4.20-0309-non-reasoning", ["1.25", "0.20", "2.50"], batched),
    ("grok-4.20-multi-agent-0309", ["1.25", "0.20", "2.50"], batched),
    ("grok-build-0.1", ["1.00", "0.20", "2.00"], unbatched),
    ("grok-imagine-image", ["", "", ""], |price| image(price, "0.02")),
    ("grok-imagine-image-quality", ["", "", ""], |price| image(price, "0.05")),
];

pub(super) fn tools() -> ToolPrices {
    ToolPrices {
        web_search: calls("5.00"),
        x_search: calls("5.00"),
        code_interpreter: calls("5.00"),
        file_search: calls("2.50"),
        mcp: Some(Rate::ZERO),
        ..ToolPrices::default()
    }
}

/// From 200,000 tokens on (inclusive), all prices double.
fn chat(price: Price) -> Price {
    let tokens = price.tokens.map(|tokens| scaled(&tokens, 200, 200));
    let price = dated(price).tier(Tier::percent("priority", 200));
    match tokens {
        Some(tokens) => price.long_context(LongContext::new(200_000, tokens)),
        None => price,
    }
}

fn us(price: Price) -> Price {
    unbatched(price).regional(Regional::new("us.api.x.ai", 110))
}

/// Only these are cheaper in a batch.
fn batched(price: Price) -> Price {
    chat(price).tier(Tier::percent("batch", 80))
}

fn unbatched(price: Price) -> Price {
    chat(price).tier(Tier::percent("batch", 100))
}

fn image(price: Price, usd: &str) -> Price {
    Price { image: Rate::usd(usd, 1), ..price }
}
