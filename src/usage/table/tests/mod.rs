//! Tests of prices.

mod times;
mod tokens;
mod units;

use std::time::SystemTime;

use super::*;
use crate::usage::price::{Rate, TokenPrice};
use crate::usage::tokens::ToolCalls;
use crate::util::operation::Operation;

fn pricing(model: &str) -> Pricing<'_> {
    Pricing {
        provider: "custom-p",
        kind: None,
        model,
        asked: None,
        serves_asked: false,
        operation: Operation::Chat,
        path: "v1/chat/completions",
        service_tier: None,
        host: "api.example.com",
        region: None,
        speed: None,
        image_size: None,
        image_quality: None,
        at: SystemTime::UNIX_EPOCH,
        batch: false,
    }
}

fn with(price: Price) -> PriceTable {
    let mut table = PriceTable::empty(Date::default());
    table.insert("m", price);
    table
}

fn ticks(price: &Price, usage: &Usage, pricing: &Pricing<'_>) -> Option<u64> {
    with(price.clone()).ticks(usage, pricing)
}

fn plain(price: &Price, usage: &Usage) -> Option<u64> {
    ticks(price, usage, &pricing("m"))
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input_uncached: Some(input), output_visible: Some(output), ..Usage::default() }
}

/// 10 ticks per input token, 1 per cached input token, 100 per output token.
fn simple() -> Price {
    Price::per_token(TokenPrice::new(10, 1, 100))
}

fn rate(ticks: u64) -> Option<Rate> {
    Some(Rate::ticks(ticks))
}

#[test]
fn a_row_is_found_by_its_name_an_alias_or_a_snapshot() {
    let mut table = PriceTable::empty(Date::default());
    table.insert("openai/gpt-4o", simple().snapshots(true).alias("chatty"));
    table.insert("openai/gpt-4o-2024-05-13", simple());
    table.insert("openai/o9", simple());
    table.insert("aws-bedrock/anthropic.claude-x", simple().snapshots(true));
    table.insert("aws-bedrock/us.anthropic.claude-y", simple().snapshots(true));
    table.insert("google-ai-studio/gemini-x", simple().snapshots(true));
    table.insert("xai/grok-x", simple());
    use MatchedBy::{Alias, Name, Snapshot};
    for (provider, model, expected) in [
        ("openai", "gpt-4o", Some(("openai/gpt-4o", Name))),
        ("openai", "chatty", Some(("openai/gpt-4o", Alias))),
        ("openai", "chatty-2026-01-01", Some(("openai/gpt-4o", Snapshot))),
        ("openai", "gpt-4o-2024-11-20", Some(("openai/gpt-4o", Snapshot))),
        ("openai", "gpt-4o-20241120", Some(("openai/gpt-4o", Snapshot))),
        ("openai", "gpt-4o-2024-05-13", Some(("openai/gpt-4o-2024-05-13", Name))),
        ("openai", "gpt-4o-mini", None),
        ("openai", "gpt-4o-mini-2024-07-18", None),
        ("openai", "o9-2026-01-01", None),
        ("groq", "gpt-4o", None),
        // Another provider's row does not apply to all.
        ("openrouter", "openai/gpt-4o", None),
        ("custom-x", "openai/gpt-4o-2024-11-20", None),
        ("google-ai-studio", "models/gemini-x", Some(("google-ai-studio/gemini-x", Snapshot))),
        (
            "aws-bedrock",
            "eu.anthropic.claude-x-20260514-v1:0",
            Some(("aws-bedrock/anthropic.claude-x", Snapshot)),
        ),
        (
            "aws-bedrock",
            "us.anthropic.claude-y-20260514-v1:0",
            Some(("aws-bedrock/us.anthropic.claude-y", Snapshot)),
        ),
        (
            "aws-bedrock",
            "us.anthropic.claude-x",
            Some(("aws-bedrock/anthropic.claude-x", Snapshot)),
        ),
        ("grok", "grok-x", Some(("grok/grok-x", Name))),
        ("openai", "", None),
    ] {
        let found = table.find(provider, model).map(|found| (found.row, found.by));
        assert_eq!(found, expected, "{provider}/{model}");
    }
}

#[test]
fn the_rows_of_a_renamed_provider_override_those_of_its_kind() {
    let mut table = PriceTable::empty(Date::default());
    table.insert("openai/a", simple());
    table.insert("openai/b-2026-01-01", simple());
    table.insert("openai/c", simple().alias("see"));
    table.insert("openai-eu/a", simple());
    table.insert("openai-eu/b", simple().snapshots(true));
    table.insert("c", simple());
    table.insert("d", simple());
    let row = |provider, kind, model| table.find_at(provider, kind, model).map(|found| found.row);
    for (model, expected) in [
        ("a", Some("openai-eu/a")),
        ("b-2026-01-01", Some("openai-eu/b")),
        ("c", Some("openai/c")),
        ("see", Some("openai/c")),
        ("d", Some("d")),
        ("e", None),
    ] {
        assert_eq!(row("openai-eu", Some("openai"), model), expected, "{model}");
    }
    assert_eq!(row("openai-eu", None, "c"), Some("c"));
    assert_eq!(row("openai", Some("openai"), "a"), Some("openai/a"));
    // Tools, too.
    let search = ToolCalls { web_search: Some(2), ..ToolCalls::default() };
    let searched = Usage { tools: search, ..tokens(1, 0) };
    let price = |table: &PriceTable| {
        let renamed = Pricing { provider: "openai-eu", kind: Some("openai"), ..pricing("c") };
        table.ticks(&searched, &renamed)
    };
    assert_eq!(price(&table), None);
    for (slug, ticks) in [("openai", 5), ("openai-eu", 3)] {
        table.insert_tools(
            Some(slug),
            ToolPrices { web_search: rate(ticks), ..ToolPrices::default() },
        );
        assert_eq!(price(&table), Some(10 + 2 * ticks));
    }
}

#[test]
fn a_replaced_row_loses_its_aliases_and_a_name_overrides_an_alias() {
    let price = |ticks: u64| Price::per_token(TokenPrice::new(ticks, ticks, ticks));
    let mut table = PriceTable::empty(Date::default());
    assert_eq!(table.insert("a", price(1).alias("x").alias("b")), None);
    table.insert("b", price(2));
    let input =
        |table: &PriceTable, model| table.get("p", model).and_then(|price| price.tokens?.input);
    assert_eq!([input(&table, "x"), input(&table, "b")], [rate(1), rate(2)]);
    assert_eq!(table.insert("a", price(3)), Some(price(1).alias("x").alias("b")));
    assert_eq!([input(&table, "a"), input(&table, "x")], [rate(3), None]);
    let mut names: Vec<_> = table.rows().map(|(name, _)| name.to_owned()).collect();
    names.sort();
    assert_eq!(names, ["a", "b"]);
    // The same as adding all at once.
    let rows = [("a", price(1).alias("x").alias("b")), ("b", price(2))];
    let rows = rows.map(|(name, price)| (Box::from(name), price));
    let whole = PriceTable::of_rows(Date::default(), rows);
    assert_eq!([input(&whole, "x"), input(&whole, "b")], [rate(1), rate(2)]);
}

#[test]
fn the_builtin_table_prices_what_providers_bill() {
    let table = PriceTable::builtin();
    let million = 1_000_000;
    let used = |cached, written, long| Usage {
        cache_read: Some(cached),
        cache_write: Some(written),
        cache_write_long: Some(long),
        ..tokens(0, 0)
    };
    let of = |provider, model, tier, used: &Usage| {
        let pricing = Pricing { provider, service_tier: tier, ..pricing(model) };
        table.ticks(used, &pricing).map(|ticks| ticks as f64 / 1e10)
    };
    for (provider, model, tier, used, usd) in [
        ("openai", "gpt-5.6", Some("default"), tokens(100_000, 100_000), 2.4),
        ("openai", "gpt-5.6-sol", Some("flex"), tokens(100_000, 100_000), 1.2),
        ("openai", "gpt-5.6-sol-2026-06-01", Some("priority"), tokens(100_000, 100_000), 4.8),
        ("openai", "gpt-5.6-sol", None, tokens(272_001, 0), 2.176_008),
        ("openai", "gpt-6.1-sol", Some("ultrafast"), tokens(100_000, 0), 1.2),
        ("openai", "gpt-6.1-sol", None, used(100_000, 0, 0), 0.01),
        ("openai", "gpt-6.1-sol", None, used(0, 200_000, 100_000), 0.75),
        ("openai", "gpt-4o-mini", Some("priority"), tokens(million, 0), 0.25),
        ("anthropic", "claude-opus-5-5", Some("standard"), used(million, 0, 0), 0.2),
        ("anthropic", "claude-opus-4-5-20251101", None, used(0, 400, 0), 0.002_5),
        ("anthropic", "claude-haiku-5-5", None, tokens(100_000, 0), 0.01),
        ("anthropic", "claude-haiku-5-5", None, tokens(100_001, 0), 0.050_000_5),
        ("google-ai-studio", "models/gemini-2.5-pro", Some("flex"), used(100_000, 0, 0), 0.0125),
        ("google-ai-studio", "gemini-2.5-pro", None, tokens(200_001, 0), 0.500_002_5),
    ] {
        let found = of(provider, model, tier, &used);
        assert!(found.is_some_and(|found| (found - usd).abs() < 1e-9), "{model}: {found:?}");
    }
    // Prices on which the catalogues disagree, or which they lack.
    assert_eq!(of("anthropic", "claude-sonnet-5-5", None, &used(1, 0, 0)), None);
    assert_eq!(of("anthropic", "claude-opus-5", Some("priority"), &tokens(1, 1)), None);
    assert_eq!(of("openai", "gpt-5.5", Some("priority"), &tokens(272_001, 1)), None);
    assert_eq!(of("openai", "gpt-4o", None, &used(0, 1, 0)), None);
}
