//! Tests of TOML tables and catalogues.

mod litellm;
mod toml;

use super::*;
use crate::usage::price::{Price, Rate, TierPrice, TokenPrice};

const DAY: Date = match Date::new(2026, 11, 29) {
    Some(day) => day,
    None => unreachable!(),
};

fn input(price: &Price) -> Option<Rate> {
    price.tokens.and_then(|tokens| tokens.input)
}

fn usd(decimal: &str) -> Option<Rate> {
    Rate::usd(decimal, 1_000_000)
}

#[test]
fn invalid_tables_are_refused() {
    for text in [
        "{}",
        "{\"a\":1}",
        "{\"openai\":{\"id\":\"openai\",\"models\":{}}}",
        "[{\"id\":1}]",
        "{",
        "[ {",
        "\u{feff}{]",
    ] {
        assert!(PriceTable::read(text, DAY).is_err(), "{text}");
    }
    // `models` is a table here and not a list.
    assert!(PriceTable::read("[models.m]\ninput = 1", DAY).is_ok());
    let empty = r#"{"m":{"litellm_provider":"openai"}}"#;
    let error = PriceTable::read(empty, DAY).unwrap_err().to_string();
    assert!(
        error.contains("no row can be taken") && error.contains("no price but zero"),
        "{error}"
    );
}

#[test]
fn genai_prices_are_read_with_their_days_steps_and_variants() {
    let text = r#"[{"id":"google","models":[
  {"id":"gemini-x","match":{"starts_with":"gemini-x"},"prices":[
     {"prices":{"input_mtok":0.75,"output_mtok":3.75,"cache_read_mtok":0.075,"web_searches_kcount":14}},
     {"constraint":{"start_date":"2027-01-01"},"prices":{"input_mtok":1.5,"output_mtok":7.5,"cache_read_mtok":0.15}}],
   "price_variants":[
     {"when":{"processing":"batch"},"prices":{"input_mtok":0.75,"output_mtok":3.75},"constraint":{"start_date":"2027-01-01"}},
     {"when":{"processing":"batch"},"prices":{"input_mtok":0.375,"output_mtok":1.875},"constraint":{"start_date":"2026-10-14"}},
     {"when":{"service_tier":"default"},"prices":{}}]},
  {"id":"claude-x","match":{"equals":"claude-x"},"prices":{"input_mtok":1}}]},
 {"id":"openai","models":[
  {"id":"gpt-x.1","match":{"or":[{"equals":"gpt-x.1"},{"equals":"gpt-x"},{"regex":"^gpt-x\\.1-\\d{4}-\\d{2}-\\d{2}$"}]},
   "prices":{"input_mtok":{"base":4,"tiers":[{"start":272000,"price":8}]},"output_mtok":20}},
  {"id":"none-x","match":{"equals":"none-x"},"prices":[]},
  {"id":"whisper","match":{"equals":"whisper"},"prices":{"audio_hours":0.36}}]},
 {"id":"x-ai","models":[{"id":"grok-x","match":{"equals":"grok-x"},"prices":{"input_mtok":{"base":2,"tiers":[{"start":200000,"price":4}]},"output_mtok":6}}]},
 {"id":"deepseek","models":[{"id":"d","match":{"equals":"d"},"prices":[
     {"prices":{"input_mtok":1}},{"constraint":{"start_time":"01:00:00Z","end_time":"04:00:00Z"},"prices":{"input_mtok":2}}]}]}]"#;
    let (table, report) = PriceTable::read(text, DAY).unwrap();
    assert_eq!((report.source, report.imported), (PriceSource::GenaiPrices, 4), "{report}");
    assert_eq!(report.skipped["hours without weekdays"], (1, "deepseek/d".to_owned()));
    assert_eq!(report.skipped["no prices"], (1, "openai/none-x".to_owned()));
    let gemini = table.get("google-ai-studio", "gemini-x").unwrap();
    let batch = |year, month| {
        let price = gemini.on(Date::new(year, month, 1).unwrap());
        let tier = price.tiers.iter().find(|tier| &*tier.name == "batch")?;
        let TierPrice::Own { tokens, .. } = &tier.price else { panic!() };
        Some((tokens.input, tokens.cached_input))
    };
    assert_eq!(batch(2026, 1), None);
    assert_eq!(batch(2026, 11), Some((usd("0.375"), usd("0.075"))));
    assert_eq!(batch(2027, 1), Some((usd("0.75"), usd("0.15"))));
    assert_eq!(input(gemini.on(Date::new(2027, 1, 1).unwrap())), usd("1.5"));
    assert_eq!(gemini.tools.web_search, None, "some are free");
    assert!(table.get("google-ai-studio", "gemini-x-2026-01-01").is_none());
    let gpt = table.get("openai", "gpt-x").unwrap();
    assert_eq!(table.find("openai", "gpt-x.1-2026-01-01").unwrap().price, gpt);
    assert_eq!((gpt.long_context[0].from, gpt.long_context[0].tokens.output), (272_001, usd("20")));
    assert_eq!(table.get("grok", "grok-x").unwrap().long_context[0].from, 200_000);
    let whisper = table.get("openai", "whisper").unwrap();
    assert_eq!((whisper.second, whisper.tokens), (Rate::usd("0.0001", 1), None));
}
