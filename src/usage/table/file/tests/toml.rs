//! Tables in TOML.

use super::*;

fn own(text: &str) -> PriceTable {
    PriceTable::from_toml(text).unwrap()
}

#[test]
fn a_minimal_row_is_enough() {
    let table = own("as_of = 2026-11-29\n[models]\n\"house\" = { input = 3, output = 15 }\n");
    assert_eq!(table.as_of(), DAY);
    let tokens = table.get("grok", "house").unwrap().tokens.unwrap();
    assert_eq!(tokens, TokenPrice { input: usd("3"), output: usd("15"), ..TokenPrice::default() });
    let read = PriceTable::read("models.house.input = 1_000.5e-1", DAY).unwrap();
    assert_eq!((read.0.as_of(), read.1.imported), (DAY, 1));
    assert_eq!(read.0.get("p", "house").and_then(input), usd("100.05"));
}

#[test]
fn tables_in_the_older_form_are_read() {
    let table = own(r#"
as_of = 2026-09-21
priority_percent = 200
[tools]
web_search = 5.00
[models."grok/grok-4.7"]
input = 2.00
cached_input = 0.50
output = 6.00
long_from = 200000
long_input = 4.00
long_cached_input = 1.00
long_output = 12.00
batch_percent = 80
regional_host = "us.api.x.ai"
regional_percent = 110
[models."grok/image"]
image = 0.02
"#);
    let price = table.get("grok", "grok-4.7").unwrap();
    assert_eq!(price.tokens, Some(TokenPrice::new(20_000, 5000, 60_000)));
    assert_eq!(price.long_context[0].from, 200_000);
    assert_eq!(price.long_context[0].tokens, TokenPrice::new(40_000, 10_000, 120_000));
    let tiers: Vec<_> = price.tiers.iter().map(|tier| &*tier.name).collect();
    assert_eq!(tiers, ["batch", "priority"]);
    assert_eq!((&*price.regional[0].host, price.regional[0].percent), ("us.api.x.ai", Some(110)));
    assert_eq!(table.get("grok", "image").unwrap().image, Rate::usd("0.02", 1));
}

#[test]
fn a_row_may_have_every_key() {
    let table = own(r#"
as_of = 2026-11-29
priority_percent = 200
[models."openai/m"]
input = 2
cached_input = "input"
cache_write = "input"
long_cache_write = 5
output = 8
reasoning = 9
audio_input = "input"
aliases = ["n", "o"]
snapshots = true
steps = [{ above = 10, input = 4 }, { from = 100, input = 6 }]
tiers = { flex = 50, priority = { input = 7, steps = [{ above = 10, input = 14 }] }, batch = { percent = 50, cached_percent = 100 } }
regions = { us = 110, "eu.api.openai.com" = 120 }
off_peak = { percent = 50, hours = ["22:00-00:00"], days = [6, 7] }
images = [{ size = "1024x1024", quality = "hd", price = 0.08 }, { price = 0.04 }]
minute = 0.006
characters = 15
pages = 4
search_units = 2
requests = 1
tools = { web_search = 10 }
[tools.openai]
file_search = 2.5
[[models."openai/later"]]
input = 1
[[models."openai/later"]]
from = 2027-01-01
input = 2
"#);
    let price = table.get("openai", "o-2026-01-01").unwrap();
    let tokens = price.tokens.unwrap();
    assert_eq!([tokens.cached_input, tokens.cache_write, tokens.audio_input], [usd("2"); 3]);
    assert_eq!((tokens.long_cache_write, tokens.reasoning), (usd("5"), usd("9")));
    assert_eq!([price.long_context[0].from, price.long_context[1].from], [11, 100]);
    let TierPrice::Own { tokens, long_context } = &price.tiers[2].price else { panic!() };
    assert_eq!((tokens.input, long_context[0].tokens.input), (usd("7"), usd("14")));
    assert_eq!(price.tiers.len(), 3, "the row's own priority is the one");
    assert_eq!(price.second, Rate::usd("0.0001", 1));
    assert_eq!([price.page, price.search_unit], [Rate::usd("0.004", 1), Rate::usd("0.002", 1)]);
    assert_eq!((price.images.len(), price.tools.web_search), (2, Rate::usd("0.01", 1)));
    let later = table.get("openai", "later").unwrap();
    assert_eq!(later.on(Date::new(2026, 12, 31).unwrap()).tokens.unwrap().input, usd("1"));
    assert_eq!(later.on(Date::new(2027, 1, 1).unwrap()).tokens.unwrap().input, usd("2"));
}

#[test]
fn the_examples_table_can_be_read() {
    let table = own(include_str!("../../../../../examples/gateway/prices.toml"));
    assert_eq!(table.rows().count(), 10);
}

#[test]
fn tables_that_cannot_be_read_name_the_line_and_the_key() {
    let model = "as_of = 2026-01-01\n[models.\"m\"]\n";
    for (text, line, key) in [
        (String::new(), 1, "`as_of`"),
        ("as_of = today\n".into(), 1, ""),
        ("as_of = 2026-13-01\n".into(), 1, ""),
        ("as_of = \"2026-01-01\"\n".into(), 1, "as_of: "),
        ("as_of = 2026-01-01\n[unknown]\n".into(), 2, "unknown: "),
        ("as_of = 2026-01-01\n[tools]\nspade = 1.00\n".into(), 3, "tools.spade: "),
        ("as_of = 2026-01-01\n[tools.openai]\nspade = 1\n".into(), 3, "tools.openai.spade: "),
        (format!("{model}image = -1.0\n"), 3, "models.m.image: "),
        (format!("{model}image = inf\n"), 3, "models.m.image: "),
        (format!("{model}image = 0x1\n"), 3, "models.m.image: "),
        (format!("{model}image = 0.00000000000000001\n"), 3, "models.m.image: "),
        (format!("{model}image = 99999999999.0\n"), 3, "models.m.image: "),
        (format!("{model}image = 1.0\nimage = 1.0\n"), 4, ""),
        (format!("{model}image = 1.0\n[models.\"m\"]\nimage = 1.0\n"), 4, ""),
        (format!("{model}regional_percent = 110\n"), 2, "models.m: "),
        (format!("{model}long_from = 5\n"), 2, "models.m: "),
        (format!("{model}cached_input = \"input\"\n"), 3, "models.m.cached_input: "),
        (format!("{model}cached_input = \"output\"\n"), 3, "models.m.cached_input: "),
        (format!("{model}second = 1\nminute = 1\n"), 2, "models.m: "),
        (format!("{model}from = 2027-01-01\n"), 3, "models.m.from: "),
        (format!("{model}steps = [{{ input = 1 }}]\n"), 3, "models.m.steps: "),
        (
            format!("{model}tiers = {{ flex = {{ percent = 1, input = 1 }} }}\n"),
            3,
            "models.m.tiers.flex: ",
        ),
        (
            format!("{model}off_peak = {{ percent = 50, hours = [\"1:00-2:00\"] }}\n"),
            3,
            "models.m.off_peak.hours: ",
        ),
        (
            format!(
                "{model}off_peak = {{ percent = 50, hours = [\"00:00-02:00\"], days = [0] }}\n"
            ),
            3,
            "models.m.off_peak.hours: ",
        ),
        (format!("{model}aliases = [\"n\"]\n[models]\n\"n\" = {{ input = 1 }}\n"), 0, ""),
        (format!("{model}what\n"), 3, ""),
        (format!("{model}\"a key\" = 1\n"), 3, "models.m.\"a key\": "),
    ] {
        let error = PriceTable::from_toml(&text).unwrap_err().to_string();
        let expected = format!("price table, line {line}: {key}");
        assert!(line == 0 || error.starts_with(&expected), "{text:?}: {error}");
    }
    let twice = "as_of = 2026-01-01\nmodels.n.input = 1\nmodels.m.aliases = [\"n\"]\n";
    let error = PriceTable::from_toml(twice).unwrap_err().to_string();
    assert!(error.contains("`n` is the name of another row"), "{error}");
}
