//! Exact costs, to the tick.

use super::*;
use crate::usage::custom_cost::CustomCost;
use crate::usage::reported::Reported;
use crate::usage::{
    Cost, CostSource, Date, LongContext, Price, PriceTable, Prices, Pricing, Tier, TokenPrice,
    ToolCalls, UsagePart, cost,
};

fn usage(json: &str) -> Usage {
    Usage::new(&Reported::read(json.as_bytes()).unwrap(), Shape::Other)
}

fn chat(model: &str) -> Pricing<'_> {
    Pricing {
        provider: "grok",
        kind: None,
        model,
        asked: None,
        serves_asked: false,
        operation: Operation::Chat,
        path: "v1/chat/completions",
        service_tier: Some("default"),
        host: "api.x.ai",
        region: None,
        speed: None,
        image_size: None,
        image_quality: None,
        at: std::time::SystemTime::UNIX_EPOCH,
        batch: false,
    }
}

fn ticks(usage: &Usage, pricing: &Pricing<'_>) -> Option<u64> {
    PriceTable::builtin().ticks(usage, pricing)
}

fn tokens(input: u64, cached: u64, output: u64) -> Usage {
    usage(&format!(
        r#"{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":{cached}}},"output_tokens":{output},"total_tokens":{}}}"#,
        input + output
    ))
}

#[test]
fn the_table_agrees_with_recorded_charges() {
    let batch = usage(
        r#"{"prompt_tokens":204,"prompt_tokens_details":{"cached_tokens":128},"completion_tokens":2,
            "completion_tokens_details":{"reasoning_tokens":62},"total_tokens":268}"#,
    );
    let pricing = Pricing { batch: true, ..chat("grok-4.3") };
    assert_eq!(ticks(&batch, &pricing), Some(2_244_800));

    let searched = usage(
        r#"{"input_tokens":5689,"input_tokens_details":{"cached_tokens":2048},"output_tokens":444,
            "output_tokens_details":{"reasoning_tokens":245},"total_tokens":6133,
            "num_server_side_tools_used":2,"server_side_tool_usage_details":{"web_search_calls":2}}"#,
    );
    let pricing = Pricing { operation: Operation::Responses, ..chat("grok-4.3") };
    assert_eq!(ticks(&searched, &pricing), Some(160_708_500));
}

#[test]
fn every_model_costs_what_its_row_says() {
    // USD per 100 tokens of each kind, in ticks: input, cached input, output.
    let four_seven = [2_000_000, 500_000, 6_000_000];
    let four_three = [1_250_000, 200_000, 2_500_000];
    for (model, [input, cached, output]) in [
        ("grok-4.7", four_seven),
        ("grok-4.6", four_seven),
        ("grok-4.5", [2_000_000, 300_000, 6_000_000]),
        ("grok-4.3", four_three),
        ("grok-4.20-0309-reasoning", four_three),
        ("grok-4.20-0309-non-reasoning", four_three),
        ("grok-4.20-multi-agent-0309", four_three),
        ("grok-build-0.1", [1_000_000, 200_000, 2_000_000]),
    ] {
        let pricing = chat(model);
        assert_eq!(ticks(&tokens(100, 0, 0), &pricing), Some(input), "{model}");
        assert_eq!(ticks(&tokens(100, 100, 0), &pricing), Some(cached), "{model}");
        assert_eq!(ticks(&tokens(0, 0, 100), &pricing), Some(output), "{model}");
        // From 200,000 input tokens on, including cached ones, all prices double.
        assert_eq!(
            ticks(&tokens(199_999, 199_900, 0), &pricing),
            Some(input / 100 * 99 + cached * 1999),
            "{model}"
        );
        assert_eq!(
            ticks(&tokens(200_000, 199_900, 100), &pricing),
            Some(2 * (input + cached * 1999 + output)),
            "{model}"
        );
    }
}

#[test]
fn multipliers_compose() {
    let used = tokens(100, 0, 100);
    let plain = chat("grok-4.7");
    let priority = Pricing { service_tier: Some("priority"), ..plain };
    let regional = Pricing { host: "us.api.x.ai", ..plain };
    assert_eq!(ticks(&used, &plain), Some(8_000_000));
    assert_eq!(ticks(&used, &priority), Some(16_000_000));
    assert_eq!(ticks(&used, &regional), Some(8_800_000));
    assert_eq!(ticks(&used, &Pricing { host: "us.api.x.ai", ..priority }), Some(17_600_000));
    // 4.5 has no regional price, 4.7 no batch discount.
    assert_eq!(ticks(&used, &Pricing { model: "grok-4.5", ..regional }), Some(8_000_000));
    assert_eq!(ticks(&used, &Pricing { batch: true, ..plain }), Some(8_000_000));
}

#[test]
fn multipliers_leave_tools_alone_and_round_once() {
    let one = usage(
        r#"{"input_tokens":1,"output_tokens":0,"server_side_tool_usage_details":{"x_search_calls":1}}"#,
    );
    let priority = Pricing { service_tier: Some("priority"), ..chat("grok-4.3") };
    assert_eq!(ticks(&one, &priority), Some(25_000 + 50_000_000));
    let mut table = PriceTable::empty(Date::default());
    let price = Price::per_token(TokenPrice::new(3, 3, 3));
    table.insert("m", price.tier(Tier::percent("batch", 50)));
    let batch = Pricing { batch: true, ..chat("m") };
    assert_eq!(table.ticks(&tokens(1, 0, 0), &batch), Some(2));
    assert_eq!(table.ticks(&tokens(2, 0, 1), &batch), Some(5));
}

#[test]
fn images_cost_by_number() {
    let two = Usage { images: Some(2), ..Usage::default() };
    let images = |model| Pricing { operation: Operation::Images, ..chat(model) };
    assert_eq!(ticks(&two, &images("grok-imagine-image")), Some(400_000_000));
    assert_eq!(ticks(&two, &images("grok-imagine-image-quality")), Some(1_000_000_000));
    assert_eq!(ticks(&two, &images("grok-imagine-image-2.0")), None);
    assert_eq!(ticks(&Usage::default(), &images("grok-imagine-image")), None);
}

#[test]
fn image_edits_are_priced_by_token_only() {
    let one = Usage { images: Some(1), ..tokens(100, 0, 100) };
    let mut table = PriceTable::builtin();
    table.insert("tokens", Price::per_token(TokenPrice::new(1, 1, 1)));
    for (path, expected) in [
        ("v1/images/generations", [Some(200_000_000), Some(200)]),
        ("v1/images/edits", [None, Some(200)]),
        ("images/edits/", [None, Some(200)]),
    ] {
        let of = |model| {
            let pricing = Pricing { operation: Operation::Images, path, ..chat(model) };
            table.ticks(&one, &pricing)
        };
        assert_eq!([of("grok-imagine-image"), of("tokens")], expected, "{path}");
    }
    let reported = Usage { cost_ticks: Some(7), ..one };
    let edit = Pricing {
        operation: Operation::Images,
        path: "v1/images/edits",
        ..chat("grok-imagine-image")
    };
    let cost = cost(Some(&reported), &[], None, &Prices::default(), &edit);
    assert_eq!(cost.map(|cost| cost.ticks), Some(7));
}

#[test]
fn unknown_models_and_figures_have_no_cost() {
    let used = tokens(100, 0, 100);
    for model in ["grok-9", "grok-4", "grok-latest", "grok-4.3-0417", "grok-4.3-mini", ""] {
        assert_eq!(ticks(&used, &chat(model)), None, "{model}");
    }
    assert_eq!(ticks(&used, &chat("grok-4.3-latest")), ticks(&used, &chat("grok-4.3")));
    for unknown in [
        r#"{"input_tokens":5}"#,
        r#"{"output_tokens":5}"#,
        r#"{"input_tokens":5,"output_tokens":5,"num_server_side_tools_used":1}"#,
        r#"{"input_tokens":5,"output_tokens":5,"server_side_tool_usage_details":{"document_search_calls":1}}"#,
    ] {
        assert_eq!(ticks(&usage(unknown), &chat("grok-4.3")), None, "{unknown}");
    }
    assert_eq!(
        ticks(
            &usage(r#"{"input_tokens":18446744073709551615,"output_tokens":9}"#),
            &chat("grok-4.3")
        ),
        Some(u64::MAX)
    );
}

#[test]
fn a_custom_cost_overrides_a_reported_one_and_that_the_table() {
    let prices = Prices::default();
    let pricing = chat("grok-4.3");
    let mut used = tokens(100, 40, 10);
    let of = |usage: Option<&Usage>, custom| cost(usage, &[], custom, &prices, &pricing);
    let as_of = Date::new(2026, 11, 29).unwrap();
    assert_eq!(
        of(Some(&used), None),
        Some(Cost { ticks: 1_080_000, source: CostSource::Table { as_of } })
    );
    used.cost_ticks = Some(7);
    assert_eq!(of(Some(&used), None), Some(Cost { ticks: 7, source: CostSource::Reported }));
    let per_token = |cached_input| CustomCost::PerToken {
        input: 0.01,
        cached_input,
        cache_write: None,
        output: 0.1,
    };
    for (custom, usd) in [
        (CustomCost::Total(0.1), 0.1),
        (CustomCost::Total(0.0), 0.0),
        (per_token(None), 2.0),
        (per_token(Some(0.005)), 1.8),
    ] {
        let cost = of(Some(&used), Some(custom)).unwrap();
        assert_eq!(cost.source, CostSource::Custom);
        assert_eq!(cost.ticks, (usd * 1e10_f64).round() as u64, "{custom:?}");
        assert!((cost.usd() - usd).abs() < 1e-9);
    }
    assert_eq!(of(None, Some(CustomCost::Total(1e300))).unwrap().ticks, u64::MAX);
    assert_eq!(of(None, Some(CustomCost::Total(5e-324))).unwrap().ticks, 0);
    assert_eq!(of(None, Some(per_token(None))), None);
    assert_eq!(of(None, None), None);
}

#[test]
fn a_row_applies_to_its_provider_or_to_all() {
    let used = tokens(1, 0, 0);
    let at = |provider, model| Pricing { provider, ..chat(model) };
    assert_eq!(ticks(&used, &at("custom-acme", "grok-4.3")), None);
    let mut table = PriceTable::empty(Date::default());
    let price = |ticks| Price::per_token(TokenPrice::new(ticks, ticks, ticks));
    table.insert("vendor/m", price(1));
    table.insert("openrouter/vendor/m", price(2).snapshots(true));
    assert_eq!(table.ticks(&used, &at("grok", "vendor/m")), Some(1));
    assert_eq!(table.ticks(&used, &at("openrouter", "vendor/m-latest")), Some(2));
}

#[test]
fn a_running_table_can_be_changed() {
    let prices = Prices::default();
    let shared = prices.clone();
    let before = prices.current();
    let long = LongContext::new(10, TokenPrice::new(2, 2, 2));
    let price = Price::per_token(TokenPrice::new(1, 1, 1)).long_context(long);
    shared.insert("own", price.clone());
    assert_eq!(before.get("grok", "own"), None);
    assert_eq!(prices.current().get("grok", "own"), Some(&price));
    assert!(prices.current().get("grok", "grok-4.3").is_some());
    shared.replace(PriceTable::empty(Date::default()));
    assert_eq!(prices.current().get("grok", "grok-4.3"), None);
}

#[test]
fn custom_prices_are_decimals_and_cache_writes_have_their_own() {
    let prices = Prices::default();
    let of = |used: &Usage, input, cached_input, cache_write| {
        let custom = CustomCost::PerToken { input, cached_input, cache_write, output: 0.0 };
        cost(Some(used), &[], Some(custom), &prices, &chat("m")).map(|cost| cost.ticks)
    };
    let all = Usage {
        cache_read: Some(10),
        cache_write: Some(100),
        cache_write_long: Some(50),
        ..tokens(1, 0, 0)
    };
    assert_eq!(of(&all, 1e-6, None, None), Some(1_110_000));
    assert_eq!(of(&all, 1e-6, Some(1e-7), None), Some(1_020_000));
    assert_eq!(of(&all, 1e-6, None, Some(2e-6)), Some(2_110_000));
    // In floats, three times 0.00000000035 are less than 10.5 ticks.
    assert_eq!(of(&tokens(3, 0, 0), 3.5e-10, None, None), Some(11));
    assert_eq!(of(&tokens(1_000_000_000, 0, 0), 1e-19, None, None), Some(1));
    let odd = Usage { inconsistent: true, ..tokens(3, 0, 0) };
    assert_eq!(of(&odd, 1.0, None, None), None);
    let total = cost(Some(&odd), &[], Some(CustomCost::Total(1.0)), &prices, &chat("m"));
    assert_eq!(total.map(|cost| cost.ticks), Some(10_000_000_000));
}

#[test]
fn each_part_is_priced_by_its_own_model() {
    let prices = Prices::default();
    let part = |model: Option<&str>, usage| UsagePart { model: model.map(Box::from), usage };
    let of = |usage: &Usage, parts: &[UsagePart]| {
        cost(Some(usage), parts, None, &prices, &chat("grok-4.3")).map(|cost| cost.ticks)
    };
    let whole = tokens(300, 0, 0);
    let hundred = tokens(100, 0, 0);
    let parts = [part(None, hundred), part(Some("grok-4.7"), tokens(200, 0, 0))];
    assert_eq!(of(&whole, &parts), Some(100 * 12_500 + 200 * 20_000));
    assert_eq!(of(&whole, &[part(None, hundred), part(Some("unknown"), hundred)]), None);
    let odd = Usage { inconsistent: true, ..whole };
    assert_eq!(of(&odd, &parts), None);
    assert_eq!(of(&whole, &[part(None, Usage { inconsistent: true, ..hundred })]), None);
    // Tools are reported in total or by part.
    let tools = ToolCalls { web_search: Some(2), ..ToolCalls::default() };
    let searched = Usage { tool_calls: Some(2), tools, ..whole };
    assert_eq!(of(&searched, &parts), Some(5_250_000 + 100_000_000));
    let own = [part(None, Usage { tool_calls: Some(2), tools, ..hundred }), parts[1].clone()];
    assert_eq!(of(&searched, &own), Some(5_250_000 + 100_000_000));
    assert_eq!(of(&Usage { tool_calls: Some(3), ..searched }, &own), None);
    assert_eq!(of(&Usage { tool_calls: Some(3), ..searched }, &parts), None);
}
