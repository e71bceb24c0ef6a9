//! The built-in price table: list prices of the usual models.
//!
//! The source is named above the rows of each provider. The figures were compared on [`AS_OF`] with
//! two catalogues, LiteLLM 1.110.2 and genai-prices 0.2.3. Prices on which they disagree and
//! retired models are left out. `tests/prices/run.sh` compares them with LiteLLM's catalogue of the
//! day.

mod anthropic;
mod google;
mod grok;
mod openai;
mod others;

use super::{Date, PriceTable};
use crate::usage::price::{LongContext, Price, Rate, Tier, TokenPrice, ToolPrices};

const AS_OF: Option<Date> = Date::new(2026, 11, 29);

/// A model, its prices in USD per million tokens (input, cached input, output; empty if there is
/// none), and a function that adds the rest.
type Row = (&'static str, [&'static str; 3], fn(Price) -> Price);

pub(super) fn table() -> PriceTable {
    let providers: [(&str, &[Row]); 13] = [
        ("grok", grok::ROWS),
        ("openai", openai::ROWS),
        ("anthropic", anthropic::ROWS),
        ("google-ai-studio", google::ROWS),
        ("groq", others::GROQ),
        ("mistral", others::MISTRAL),
        ("deepseek", others::DEEPSEEK),
        ("perplexity-ai", others::PERPLEXITY),
        ("cerebras", others::CEREBRAS),
        ("cohere", others::COHERE),
        ("moonshot", others::MOONSHOT),
        ("fireworks", others::FIREWORKS),
        ("together", others::TOGETHER),
    ];
    let rows = providers.into_iter().flat_map(|(slug, rows)| {
        rows.iter().map(move |(model, tokens, further)| {
            (format!("{slug}/{model}").into(), further(per_million(*tokens)))
        })
    });
    let mut table = PriceTable::of_rows(AS_OF.unwrap_or_default(), rows);
    table.insert_tools(Some("grok"), grok::tools());
    table.insert_tools(Some("openai"), openai::tools());
    table.insert_tools(Some("anthropic"), anthropic::tools());
    table
}

/// USD per million. A test checks that each of them is a valid price.
fn million(usd: &str) -> Option<Rate> {
    Rate::usd(usd, 1_000_000)
}

fn per_million([input, cached_input, output]: [&str; 3]) -> Price {
    let tokens = TokenPrice {
        input: million(input),
        cached_input: million(cached_input),
        output: million(output),
        ..TokenPrice::default()
    };
    Price { tokens: (tokens != TokenPrice::default()).then_some(tokens), ..Price::default() }
}

/// USD per thousand tool calls.
fn calls(usd: &str) -> Option<Rate> {
    Rate::usd(usd, 1000)
}

fn plain(price: Price) -> Price {
    price
}

/// Dated names have the same price.
fn dated(price: Price) -> Price {
    price.snapshots(true)
}

/// Adds prices of cache writes in percent of the input, with the usual and the longer lifetime.
fn writes(price: Price, usual: u64, long: u64) -> Price {
    let of = |tokens: &TokenPrice, percent| tokens.input.and_then(|input| input.percent(percent));
    let tokens = price.tokens.map(|tokens| TokenPrice {
        cache_write: of(&tokens, usual),
        long_cache_write: of(&tokens, long),
        ..tokens
    });
    Price { tokens, ..price }
}

/// Adds prices of prompts of more than `bound` tokens, in percent of the plain prices.
fn above(price: Price, bound: u64, input: u64, output: u64) -> Price {
    let Some(tokens) = price.tokens else { return price };
    price.long_context(LongContext::above(bound, scaled(&tokens, input, output)))
}

fn scaled(tokens: &TokenPrice, input: u64, output: u64) -> TokenPrice {
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
fn audio(price: Price, input: &str, output: &str) -> Price {
    let (audio_input, audio_output) = (million(input), million(output));
    let tokens = price.tokens.map(|tokens| TokenPrice { audio_input, audio_output, ..tokens });
    Price { tokens, ..price }
}

/// Adds prices of image tokens: input, cached input, output.
fn images(price: Price, input: &str, cached: &str, output: &str) -> Price {
    let tokens = price.tokens.map(|tokens| TokenPrice {
        image_input: million(input),
        cached_image_input: million(cached),
        image_output: million(output),
        ..tokens
    });
    Price { tokens, ..price }
}

fn batch_half(price: Price) -> Price {
    price.tier(Tier::percent("batch", 50))
}

/// Adds a price in USD per minute.
fn minute(price: Price, usd: &str) -> Price {
    Price { second: Rate::usd(usd, 60), ..price }
}

/// Adds a price in USD per million characters.
fn characters(price: Price, usd: &str) -> Price {
    Price { character: million(usd), ..price }
}

/// Adds a price in USD per thousand pages.
fn pages(price: Price, usd: &str) -> Price {
    Price { page: Rate::usd(usd, 1000), ..price }
}

/// Adds a price in USD per thousand search units.
fn searches(price: Price, usd: &str) -> Price {
    Price { search_unit: Rate::usd(usd, 1000), ..price }
}

fn web_search(usd: &str) -> ToolPrices {
    ToolPrices { web_search: calls(usd), ..ToolPrices::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_a_price() {
        let all = [
            grok::ROWS,
            openai::ROWS,
            anthropic::ROWS,
            google::ROWS,
            others::GROQ,
            others::MISTRAL,
            others::DEEPSEEK,
            others::PERPLEXITY,
            others::CEREBRAS,
            others::COHERE,
            others::MOONSHOT,
            others::FIREWORKS,
            others::TOGETHER,
        ];
        let table = table();
        assert_eq!(table.rows().count(), all.iter().map(|rows| rows.len()).sum::<usize>());
        for (model, tokens, further) in all.into_iter().flatten() {
            for usd in tokens.iter().filter(|usd| !usd.is_empty()) {
                assert!(million(usd).is_some(), "{model}: {usd}");
            }
            let price = further(per_million(*tokens));
            let is_priced = price.tokens.is_some()
                || [price.image, price.second, price.character, price.page, price.search_unit]
                    .iter()
                    .any(Option::is_some);
            assert!(is_priced, "{model}");
            for (cheap, dear) in price.tokens.iter().map(|t| (t.cached_input, t.input)) {
                assert!(cheap.is_none_or(|cheap| Some(cheap) <= dear), "{model}");
            }
        }
    }
}
