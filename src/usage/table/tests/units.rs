//! Prices per image, second, character, page, search, request and tool call.

use super::*;
use crate::usage::price::{ImagePrice, Regional};
use crate::usage::tokens::ToolCalls;

#[test]
fn what_is_not_paid_per_token_is_paid_by_its_own_unit() {
    let unit = |set: fn(&mut Price)| {
        let mut price = Price::default();
        set(&mut price);
        price
    };
    let second = unit(|price| price.second = rate(3));
    let character = unit(|price| price.character = rate(3));
    let page = unit(|price| price.page = rate(3));
    let search = unit(|price| price.search_unit = rate(3));
    let request = unit(|price| price.request = rate(3));
    let none = Usage::default();
    let spoken = Usage { duration_ms: Some(2500), ..none };
    let written = Usage { characters: Some(4), ..none };
    let scanned = Usage { pages: Some(2), ..none };
    let ranked = Usage { search_units: Some(1), ..none };
    for (price, used, expected) in [
        (&second, spoken, Some(8)),
        (&second, Usage { duration_ms: Some(0), ..none }, Some(0)),
        (&character, written, Some(12)),
        (&page, scanned, Some(6)),
        (&search, ranked, Some(3)),
        (&request, none, Some(3)),
        (&request, tokens(1, 1), Some(3)),
        (&second, none, None),
        (&second, tokens(1, 1), None),
        (&character, spoken, None),
        (&simple(), spoken, None),
        (&simple(), ranked, None),
        (&second, Usage { characters: Some(1), ..spoken }, None),
        // If both are reported, tokens are billed.
        (&simple(), Usage { duration_ms: Some(9), ..tokens(1, 1) }, Some(110)),
        (&simple(), Usage { search_units: Some(1), ..tokens(1, 1) }, None),
    ] {
        assert_eq!(plain(price, &used), expected, "{price:?} {used:?}");
    }
    let both = Price { search_unit: rate(3), request: rate(1000), ..simple() };
    let used = Usage { search_units: Some(2), ..tokens(1, 1) };
    assert_eq!(plain(&both, &used), Some(1116));
    // A percentage of the token prices does not apply to seconds.
    let regional = second.regional(Regional::new("us", 110));
    let us = Pricing { region: Some("us"), ..pricing("m") };
    assert_eq!(ticks(&regional, &spoken, &us), None);
    assert_eq!(plain(&regional, &spoken), Some(8));
}

#[test]
fn images_cost_by_size_and_quality() {
    let images = vec![
        ImagePrice::new(Some("1024x1024"), Some("high"), Rate::ticks(9)),
        ImagePrice::new(Some("1024x1024"), None, Rate::ticks(5)),
    ];
    let mut price = Price { images, ..Price::default() };
    let two = Usage { images: Some(2), ..Usage::default() };
    let of = |price: &Price, image_size, image_quality| {
        let images = Pricing { operation: Operation::Images, ..pricing("m") };
        ticks(price, &two, &Pricing { image_size, image_quality, ..images })
    };
    assert_eq!(of(&price, Some("1024x1024"), Some("high")), Some(18));
    assert_eq!(of(&price, Some("1024x1024"), Some("low")), Some(10));
    assert_eq!(of(&price, Some("1024x1024"), None), Some(10));
    assert_eq!(of(&price, Some("512x512"), Some("high")), None);
    assert_eq!(of(&price, None, None), None);
    price.image = rate(1);
    assert_eq!(of(&price, Some("512x512"), None), Some(2));
}

#[test]
fn tools_have_prices_by_model_then_by_provider() {
    let called = |provider, model, calls| {
        let table = PriceTable::builtin();
        let tools = ToolCalls { web_search: Some(calls), ..ToolCalls::default() };
        let used = Usage { tool_calls: Some(calls), tools, ..tokens(0, 0) };
        table.ticks(&used, &Pricing { provider, ..pricing(model) })
    };
    assert_eq!(called("grok", "grok-4.3", 2), Some(100_000_000));
    assert_eq!(called("anthropic", "claude-opus-5", 2), Some(200_000_000));
    assert_eq!(called("openai", "gpt-5", 2), Some(200_000_000));
    // Searches have another price for older models, and some of Google's are free.
    assert_eq!(called("openai", "gpt-4o", 2), None);
    assert_eq!(called("google-ai-studio", "gemini-2.5-pro", 2), None);
    assert_eq!(called("openai", "gpt-4o", 0), Some(0));
    let mut table = with(simple());
    let search =
        Usage { tools: ToolCalls { file_search: Some(3), ..ToolCalls::default() }, ..tokens(0, 0) };
    assert_eq!(table.ticks(&search, &pricing("m")), None);
    let tools = ToolPrices { file_search: rate(7), ..ToolPrices::default() };
    table.insert_tools(Some("custom-p"), tools);
    assert_eq!(table.ticks(&search, &pricing("m")), Some(21));
    table.insert_tools(Some("custom-p"), ToolPrices::default());
    table.insert_tools(None, tools);
    assert_eq!(table.ticks(&search, &pricing("m")), Some(21));
}
