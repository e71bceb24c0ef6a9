//! Prices per token: by kind, by length, by tier and by region.

use super::*;
use crate::usage::price::{LongContext, Regional, Tier};

#[test]
fn each_kind_of_token_has_its_own_price_if_any() {
    let mut all = simple();
    all.tokens = Some(TokenPrice {
        cache_write: rate(12),
        long_cache_write: rate(20),
        reasoning: rate(1000),
        audio_input: rate(40),
        audio_output: rate(400),
        image_input: rate(11),
        image_output: rate(700),
        ..all.tokens.unwrap()
    });
    let base = tokens(100, 50);
    for (used, priced, in_simple) in [
        (base, 6000, Some(6000)),
        (Usage { cache_read: Some(7), ..base }, 6007, Some(6007)),
        (Usage { cache_write: Some(5), ..base }, 6060, None),
        (Usage { cache_write: Some(5), cache_write_long: Some(2), ..base }, 6076, None),
        (Usage { cache_write: Some(0), ..base }, 6000, Some(6000)),
        (Usage { reasoning: Some(3), ..base }, 9000, Some(6300)),
        (Usage { audio_input: Some(30), ..base }, 6900, None),
        (Usage { audio_output: Some(10), ..base }, 9000, None),
        // By default, image input costs as much as text.
        (Usage { image_input: Some(30), ..base }, 6030, Some(6000)),
        (Usage { image_output: Some(10), ..base }, 12_000, None),
    ] {
        assert_eq!(plain(&all, &used), Some(priced), "{used:?}");
        assert_eq!(plain(&simple(), &used), in_simple, "{used:?}");
    }
    // Parts that are more than the whole.
    for used in [
        Usage { audio_input: Some(60), image_input: Some(60), ..base },
        Usage { audio_output: Some(51), ..base },
        Usage { cache_write: Some(1), cache_write_long: Some(2), ..base },
        Usage { inconsistent: true, ..base },
    ] {
        assert_eq!(plain(&all, &used), None, "{used:?}");
    }
    let mut uncached = simple();
    uncached.tokens.as_mut().unwrap().cached_input = None;
    assert_eq!(plain(&uncached, &base), Some(6000));
    assert_eq!(plain(&uncached, &Usage { cache_read: Some(1), ..base }), None);
}

#[test]
fn citations_have_their_own_price_if_any() {
    let cited = Usage { citations: Some(5), ..tokens(1, 1) };
    assert_eq!(plain(&simple(), &cited), None);
    assert_eq!(plain(&simple(), &Usage { citations: Some(0), ..cited }), Some(110));
    let mut price = simple();
    for (rate, expected) in [(Rate::ticks(2), 120), (Rate::ZERO, 110)] {
        price.citation = Some(rate);
        assert_eq!(plain(&price, &cited), Some(expected));
    }
}

#[test]
fn cached_tokens_of_unknown_kind_have_no_price_if_kinds_differ() {
    let mut price = simple();
    let tokens_of = |cached_audio_input| TokenPrice {
        audio_input: rate(40),
        cached_audio_input,
        ..simple().tokens.unwrap()
    };
    let both = Usage { audio_input: Some(10), cache_read: Some(10), ..tokens(100, 0) };
    for (cached, expected) in [(None, Some(1310)), (rate(1), Some(1310)), (rate(4), None)] {
        price.tokens = Some(tokens_of(cached));
        assert_eq!(plain(&price, &both), expected);
        assert_eq!(plain(&price, &Usage { audio_input: Some(0), ..both }), Some(1010));
    }
}

#[test]
fn the_last_bound_that_the_prompt_reaches_prices_all_tokens() {
    let price = simple()
        .long_context(LongContext::above(1000, TokenPrice::new(30, 3, 300)))
        .long_context(LongContext::new(200, TokenPrice::new(20, 2, 200)));
    for (input, cached, expected) in [
        (199, 0, 1990 + 100),
        (100, 99, 1000 + 99 + 100),
        (200, 0, 4000 + 200),
        (100, 100, 2000 + 200 + 200),
        (1000, 0, 20_000 + 200),
        (1001, 0, 30_030 + 300),
        (1, 1000, 30 + 3000 + 300),
    ] {
        let used = Usage { cache_read: Some(cached), ..tokens(input, 1) };
        assert_eq!(plain(&price, &used), Some(expected), "{input} + {cached}");
    }
    // Cache writes are part of the prompt.
    let written = Usage { cache_write: Some(1000), ..tokens(1, 1) };
    assert_eq!(plain(&price, &written), None);
}

#[test]
fn a_tier_has_a_percentage_or_prices_and_an_unknown_tier_has_no_price() {
    let price = simple()
        .long_context(LongContext::new(1000, TokenPrice::new(20, 2, 200)))
        .tier(Tier::percent("priority", 200))
        .tier(Tier::percent("flex", 50).cached_percent(100))
        .tier(Tier::percent("fast", 300))
        .tier(Tier::own("batch", TokenPrice::new(3, 0, 7), Vec::new()));
    let used = Usage { cache_read: Some(100), ..tokens(100, 10) };
    let of =
        |tier, speed| ticks(&price, &used, &Pricing { service_tier: tier, speed, ..pricing("m") });
    for (tier, expected) in [
        (None, Some(2100)),
        (Some("default"), Some(2100)),
        (Some("standard"), Some(2100)),
        (Some("on_demand"), Some(2100)),
        (Some("ON_DEMAND"), Some(2100)),
        (Some("priority"), Some(4200)),
        (Some("Priority"), Some(4200)),
        (Some("ON_DEMAND_PRIORITY"), Some(4200)),
        (Some("flex"), Some(1100)),
        (Some("batch"), Some(370)),
        (Some("scale"), None),
        (Some("auto"), None),
        (Some("PROVISIONED_THROUGHPUT"), None),
    ] {
        assert_eq!(of(tier, None), expected, "{tier:?}");
    }
    assert_eq!(of(None, Some("standard")), Some(2100));
    assert_eq!(of(None, Some("fast")), Some(6300));
    assert_eq!(of(Some("priority"), Some("fast")), Some(12_600));
    assert_eq!(of(Some("batch"), Some("fast")), Some(1110));
    assert_eq!(of(None, Some("faster")), None);
    // A row without tiers treats `auto` as the usual tier.
    let auto =
        |tier| ticks(&simple(), &used, &Pricing { service_tier: Some(tier), ..pricing("m") });
    assert_eq!([auto("auto"), auto("flex")], [Some(2100), None]);
    // The batch price applies to requests in a batch.
    assert_eq!(ticks(&price, &used, &Pricing { batch: true, ..pricing("m") }), Some(370));
}

#[test]
fn regions_have_percentages_and_unknown_ones_no_price() {
    let price = simple()
        .regional(Regional::new("us", 110))
        .regional(Regional::new("eu.example.com", 120))
        .regional(Regional::unknown("au.example.com"));
    let of =
        |region, host| ticks(&price, &tokens(100, 0), &Pricing { region, host, ..pricing("m") });
    for (region, host, expected) in [
        (None, "api.example.com", Some(1000)),
        (Some("global"), "api.example.com", Some(1000)),
        (Some("not_available"), "", Some(1000)),
        (Some("us"), "api.example.com", Some(1100)),
        (None, "EU.example.com", Some(1200)),
        (Some("us"), "eu.example.com", Some(1320)),
        (Some("eu"), "api.example.com", None),
        (None, "au.example.com", None),
    ] {
        assert_eq!(of(region, host), expected, "{region:?} {host}");
    }
}

#[test]
fn the_output_of_image_calls_is_image_tokens() {
    let table = PriceTable::builtin();
    let of = |used: &Usage, path, operation| {
        let pricing =
            Pricing { provider: "openai", path, operation, ..pricing("gpt-image-2-2026-04-21") };
        table.ticks(used, &pricing)
    };
    let used = tokens(10, 100);
    let expected = Some(10 * 50_000 + 100 * 300_000);
    assert_eq!(of(&used, "v1/images/generations", Operation::Images), expected);
    assert_eq!(of(&used, "v1/responses", Operation::Responses), None);
    // The input of an edit is images and text, at two prices.
    assert_eq!(of(&used, "v1/images/edits", Operation::Images), None);
    let told = Usage { image_input: Some(4), image_output: Some(100), ..used };
    let expected = Some(6 * 50_000 + 4 * 80_000 + 100 * 300_000);
    assert_eq!(of(&told, "v1/images/edits", Operation::Images), expected);
}

#[test]
fn amounts_are_exact_and_rounded_once() {
    let usd = |decimal| Rate::usd(decimal, 1_000_000);
    let mut price = simple();
    // A quarter of a tick.
    price.tokens = Some(TokenPrice { input: usd("0.000025"), ..price.tokens.unwrap() });
    assert_eq!(plain(&price, &tokens(1, 0)), Some(0));
    assert_eq!(plain(&price, &tokens(2, 0)), Some(1));
    assert_eq!(plain(&price, &tokens(1_000_001, 0)), Some(250_000));
    let third = price.clone().tier(Tier::percent("flex", 33)).regional(Regional::new("us", 33));
    let both = Pricing { service_tier: Some("flex"), region: Some("us"), ..pricing("m") };
    assert_eq!(ticks(&third, &tokens(1_000_000, 0), &both), Some(27_225));
    let huge = Usage { input_uncached: Some(u64::MAX), ..tokens(0, u64::MAX) };
    assert_eq!(plain(&simple(), &huge), Some(u64::MAX));
    assert_eq!(ticks(&third, &huge, &both), Some(u64::MAX));
}
