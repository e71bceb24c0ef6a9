//! Prices per image, second, character, page, search, request and tool call.

use super::*;
use crate::usage::price::{ImagePrice, Regional};

#[test]
fn other_units_have_their_own_prices() {
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
        (&simple(), Usage { duration_ms: Some(9), ..tokens(1, 1) }, None),
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
fn audio_is_billed_beside_tokens_unless_they_are_its_own() {
    let heard = Usage { duration_ms: Some(2000), ..tokens(1, 1) };
    let spoken = Price { second: rate(3), ..simple() };
    assert_eq!(plain(&spoken, &heard), Some(116));
    assert_eq!(plain(&spoken, &tokens(1, 1)), Some(110));
    assert_eq!(plain(&spoken, &Usage { duration_ms: Some(2000), ..Usage::default() }), Some(6));
    // The model documents that it does not bill time.
    let free = Price { second: Some(Rate::ZERO), ..simple() };
    assert_eq!(plain(&free, &heard), Some(110));
    // The audio has tokens, and is not paid twice.
    let mut both = spoken.clone();
    both.tokens.as_mut().unwrap().audio_input = rate(40);
    let counted = Usage { audio_input: Some(1), ..heard };
    assert_eq!(plain(&both, &counted), Some(140));
    assert_eq!(plain(&Price { second: None, ..both }, &counted), Some(140));
    // The price of a transcript is the whole price; that of an answer is not.
    let second = Price { second: rate(3), ..Price::default() };
    let transcript = Pricing { operation: Operation::Transcription, ..pricing("m") };
    assert_eq!(ticks(&second, &heard, &transcript), Some(6));
    assert_eq!(plain(&second, &heard), None);
    assert_eq!(plain(&second, &Usage { duration_ms: Some(2000), ..tokens(0, 0) }), Some(6));
}

#[test]
fn the_same_text_is_not_billed_by_token_and_by_character() {
    let used = Usage { characters: Some(9), ..tokens(1, 0) };
    let embedding = Pricing { operation: Operation::Embeddings, ..pricing("m") };
    let character = Price { character: rate(2), ..Price::default() };
    assert_eq!(ticks(&character, &used, &embedding), Some(18));
    assert_eq!(ticks(&Price { character: rate(2), ..simple() }, &used, &embedding), Some(10));
}

#[test]
fn embedded_images_cost_by_token_or_by_image() {
    let embedding = Pricing { operation: Operation::Embeddings, ..pricing("m") };
    let of = |price: &Price, used: &Usage| ticks(price, used, &embedding);
    let images = Usage { images: Some(2), ..Usage::default() };
    let text = Usage { images: Some(2), input_uncached: Some(3), ..Usage::default() };
    assert_eq!([of(&simple(), &images), of(&simple(), &text)], [None, None]);
    let both = Price { image: rate(7), ..simple() };
    assert_eq!([of(&both, &images), of(&both, &text)], [Some(14), Some(44)]);
    let table = PriceTable::builtin();
    let cohere = Pricing { provider: "cohere", ..embedding };
    let counted = |input, image_input| {
        let used = Usage { input_uncached: Some(input), image_input, ..Usage::default() };
        table.ticks(&used, &Pricing { model: "embed-v4.0", ..cohere })
    };
    assert_eq!(counted(1_000_000, None), Some(1_200_000_000));
    assert_eq!(counted(2_000_000, Some(1_000_000)), Some(5_900_000_000));
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

#[test]
fn openais_decisions_bill_only_their_input() {
    let price = Price::per_token(TokenPrice::new(10, 1, 100));
    let of = |kind, path| ticks(&price, &tokens(100, 7), &Pricing { kind, path, ..pricing("m") });
    assert_eq!(of(Some("openai"), "v1/decisions"), Some(1000));
    assert_eq!(of(Some("openai"), "v1/responses"), Some(1700));
    assert_eq!(of(None, "v1/decisions"), Some(1700));
}
