//! A row of the built-in table, and what it can be made of.

use crate::usage::price::{LongContext, Price, Rate, Tier, TokenPrice, ToolPrices};

/// A model, its prices in USD per million tokens (input, cached input, output; empty if there is
/// none), and a function that adds the rest.
pub(super) type Row = (&'static str, [&'static str; 3], fn(Price) -> Price);

/// USD per million. A test checks that each of them is a valid price.
pub(super) fn million(usd: &str) -> Option<Rate> {
    Rate::usd(usd, 1_000_000)
}

pub(super) fn per_million([input, cached_input, output]: [&str; 3]) -> Price {
    let tokens = TokenPrice {
        input: million(input),
        cached_input: million(cached_input),
        output: million(output),
        ..TokenPrice::default()
    };
    Price { tokens: (tokens != TokenPrice::default()).then_some(tokens), ..Price::default() }
}

/// USD per thousand tool calls.
pub(super) fn calls(usd: &str) -> Option<Rate> {
    Rate::usd(usd, 1000)
}

pub(super) fn plain(price: Price) -> Price {
    price
}

/// Dated names have the same price.
pub(super) fn dated(price: Price) -> Price {
    price.snapshots(true)
}

/// Adds prices of cache writes in percent of the input, with the usual and the longer lifetime.
pub(super) fn writes(price: Price, usual: u64, long: u64) -> Price {
    let of = |tokens: &TokenPrice, percent| tokens.input.and_then(|input| input.percent(percent));
    let tokens = price.tokens.map(|tokens| TokenPrice {
        cache_write: of(&tokens, usual),
        long_cache_write: of(&tokens, long),
        ..tokens
    });
    Price { tokens, ..price }
}

/// Adds prices of prompts of more than `bound` tokens, in percent of the plain prices.
pub(super) fn above(price: Price, bound: u64, input: u64, output: u64) -> Price {
    let Some(tokens) = price.tokens else { return price };
    price.long_context(LongContext::above(bound, scaled(&tokens, input, output)))
}

pub(super) fn scaled(tokens: &TokenPrice, input: u64, output: u64) -> TokenPrice {
    let inputs = |rate: Option<Rate>| rate.and_then(|rate| rate.percent(input));
    let outputs = |rate: Option<Rate>| rate.and_then(|rate| rate.percent(output));
    TokenPrice {
        input: inputs(tokens.input),
        cached_input: inputs(tokens.cached_input),
        cache_write: inputs(tokens.cache_write),
        long_cache_write: inputs(tokens.long_cache_write),
        output: outputs(tokens.output),
        ..TokenPrice::default()
    }
}

/// Adds prices of audio tokens: input, output.
pub(super) fn audio(price: Price, input: &str, output: &str) -> Price {
    let (audio_input, audio_output) = (million(input), million(output));
    let tokens = price.tokens.map(|tokens| TokenPrice { audio_input, audio_output, ..tokens });
    Price { tokens, ..price }
}

/// Adds prices of image tokens: input, cached input, output.
pub(super) fn images(price: Price, input: &str, cached: &str, output: &str) -> Price {
    let tokens = price.tokens.map(|tokens| TokenPrice {
        image_input: million(input),
        cached_image_input: million(cached),
        image_output: million(output),
        ..tokens
    });
    Price { tokens, ..price }
}

pub(super) fn batch_half(price: Price) -> Price {
    price.tier(Tier::percent("batch", 50))
}

/// Adds a price in USD per minute.
pub(super) fn minute(price: Price, usd: &str) -> Price {
    Price { second: Rate::usd(usd, 60), ..price }
}

/// Adds a price in USD per million characters.
pub(super) fn characters(price: Price, usd: &str) -> Price {
    Price { character: million(usd), ..price }
}

/// Adds a price in USD per thousand pages.
pub(super) fn pages(price: Price, usd: &str) -> Price {
    Price { page: Rate::usd(usd, 1000), ..price }
}

/// Adds a price in USD per thousand search units.
pub(super) fn searches(price: Price, usd: &str) -> Price {
    Price { search_unit: Rate::usd(usd, 1000), ..price }
}

pub(super) fn web_search(usd: &str) -> ToolPrices {
    ToolPrices { web_search: calls(usd), ..ToolPrices::default() }
}
