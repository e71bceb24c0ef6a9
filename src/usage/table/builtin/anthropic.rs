//! Anthropic: <https://platform.claude.com/docs/en/about-claude/pricing>.

use super::rows::{Row, above, batch_half, calls, dated, writes};
use crate::usage::price::{Price, Regional, Tier, ToolPrices};

pub(super) const ROWS: &[Row] = &[
    ("claude-opus-5-5", ["4", "0.2", "20"], fast),
    ("claude-opus-5", ["5", "0.5", "25"], fast),
    ("claude-opus-4-8", ["5", "0.5", "25"], fast),
    ("claude-opus-4-7", ["5", "0.5", "25"], us),
    ("claude-opus-4-6", ["5", "0.5", "25"], us),
    ("claude-opus-4-5", ["5", "0.5", "25"], claude),
    // The sources disagree on the price of its cache.
    ("claude-sonnet-5-5", ["2", "", "10"], us),
    ("claude-sonnet-5", ["2", "0.2", "10"], us),
    ("claude-sonnet-4-6", ["3", "0.3", "15"], us),
    ("claude-sonnet-4-5", ["3", "0.3", "15"], claude),
    ("claude-haiku-5-5", ["0.1", "0.01", "0.5"], |price| above(us(price), 100_000, 500, 500)),
    ("claude-haiku-4-5", ["1", "0.1", "5"], claude),
    ("claude-fable-5-1", ["10", "0.25", "50"], us),
    ("claude-fable-5", ["10", "1", "50"], us),
    ("claude-mythos-5-1", ["10", "0.25", "50"], us),
    ("claude-mythos-5", ["10", "1", "50"], us),
];

pub(super) fn tools() -> ToolPrices {
    ToolPrices { web_search: calls("10"), ..ToolPrices::default() }
}

fn claude(price: Price) -> Price {
    batch_half(dated(writes(price, 125, 200)))
}

/// From 4.6 on, requests can ask to be served only in the United States.
fn us(price: Price) -> Price {
    claude(price).regional(Regional::new("us", 110))
}

fn fast(price: Price) -> Price {
    us(price).tier(Tier::percent("fast", 200))
}
