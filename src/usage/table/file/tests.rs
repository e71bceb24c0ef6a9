//! Tests of TOML tables and catalogues.

use super::*;
use crate::usage::price::{Price, Rate, TierPrice, TokenPrice};

const DAY: Date = match Date::new(2026, 11, 29) {
    Some(day) => day,
    None => unreachable!(),
};

fn own(text: &str) -> PriceTable {
    PriceTable::from_toml(text).unwrap()
}

fn input(price: &Price) -> Option<Rate> {
    price.tokens.and_then(|tokens| tokens.input)
}

fn usd(decimal: &str) -> Option<Rate> {
    Rate::usd(decimal, 1_000_000)
}

#[test]
fn a_row_of_ones_own_needs_little() {
    let table = own("as_of = 2026-11-29\n[models]\n\"house\" = { input = 3, output = 15 }\n");
    assert_eq!(table.as_of(), DAY);
    let tokens = table.get("grok", "house").unwrap().tokens.unwrap();
    assert_eq!(tokens, TokenPrice { input: usd("3"), output: usd("15"), ..TokenPrice::default() });
    let read = PriceTable::read("models.house.input = 1_000.5e-1", DAY).unwrap();
    assert_eq!((read.0.as_of(), read.1.imported), (DAY, 1));
    assert_eq!(read.0.get("p", "house").and_then(input), usd("100.05"));
}

#[test]
fn what_tables_said_before_they_still_say() {
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
fn a_row_may_say_everything() {
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
    let table = own(include_str!("../../../../examples/gateway/prices.toml"));
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

#[test]
fn what_is_no_table_is_refused() {
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

fn litellm(rows: &str) -> (PriceTable, PriceReport) {
    PriceTable::read(
        &format!("{{\"sample_spec\":{{\"litellm_provider\":\"one of\"}},{rows}}}"),
        DAY,
    )
    .unwrap()
}

#[test]
fn litellms_rows_are_read_with_their_suffixes() {
    let (table, report) = litellm(
        r#"
"gpt-x": {"litellm_provider":"openai","mode":"chat","input_cost_per_token":4e-06,"output_cost_per_token":2e-05,
  "cache_read_input_token_cost":4e-07,"cache_creation_input_token_cost":5e-06,"cache_creation_input_token_cost_above_12hr":1e-05,
  "input_cost_per_token_above_272k_tokens":8e-06,"output_cost_per_token_above_272k_tokens":3e-05,
  "input_cost_per_token_above_272k_tokens_flex":4e-06,"input_cost_per_token_flex":2e-06,"output_cost_per_token_flex":1e-05,
  "input_cost_per_token_batches":2e-06,"output_cost_per_token_batches":1e-05,
  "regional_processing_uplift_multiplier_eu":1.1,
  "search_context_cost_per_query":{"search_context_size_low":0.01,"search_context_size_medium":0.01,"search_context_size_high":0.01}},
"xai/grok-x": {"litellm_provider":"xai","input_cost_per_token":"2.0000000000000002e-06","output_cost_per_token":6e-6,
  "input_cost_per_token_above_200k_tokens":4e-06,"output_cost_per_token_above_200k_tokens":1.2e-05},
"claude-x": {"litellm_provider":"anthropic","input_cost_per_token":4e-06,"output_cost_per_token":2e-05,
  "cache_creation_input_token_cost_above_1hr":8e-06,"provider_specific_entry":{"us":1.1,"fast":2.0}},
"deepseek/d": {"litellm_provider":"deepseek","input_cost_per_token":3e-07,"output_cost_per_token":1.2e-06,"cache_creation_input_token_cost":0.0,
  "input_cost_per_token_cache_hit":6e-09,"cache_read_input_token_cost":6e-09,
  "off_peak_pricing":{"cache_read_input_token_cost":3e-09,"input_cost_per_token":1.5e-07,"output_cost_per_token":6e-07,
    "windows":[{"hours_utc":["00:00-01:00","10:00-00:00"],"weekdays":[1,2,3,4,5]},{"hours_utc":"00:00-00:00","weekdays":[6,7]}]}},
"dashscope/q": {"litellm_provider":"dashscope","tiered_pricing":[
  {"range":[0,256000.0],"input_cost_per_token":5e-08,"output_cost_per_token":4e-07},
  {"range":[256000.0,1000000.0],"input_cost_per_token":2.5e-07,"output_cost_per_token":2e-06}]},
"whisper-1": {"litellm_provider":"openai","mode":"audio_transcription","input_cost_per_second":0.0001,"output_cost_per_second":0.0001},
"tts-1": {"litellm_provider":"openai","mode":"audio_speech","input_cost_per_character":1.5e-05},
"bedrock/a-latest": {"alias_of":"global.a"},
"global.a": {"litellm_provider":"bedrock_converse","input_cost_per_token":1e-06},
"rerank-x": {"litellm_provider":"cohere","mode":"rerank","input_cost_per_query":0.002,"input_cost_per_token":0.0,"output_cost_per_token":0.0},
"mistral/ocr": {"litellm_provider":"mistral","mode":"ocr","ocr_cost_per_page":0.004,"annotation_cost_per_page":0.005}
"#,
    );
    assert_eq!(
        (report.source, report.imported, report.skipped.len()),
        (PriceSource::LiteLlm, 11, 0),
        "{report}"
    );
    let row = |provider, model| table.get(provider, model).unwrap();
    let x = row("openai", "gpt-x");
    let tokens = x.tokens.unwrap();
    assert_eq!(
        (tokens.input, tokens.cache_write, tokens.long_cache_write),
        (usd("4"), usd("5"), usd("10"))
    );
    assert_eq!((x.long_context[0].from, x.long_context[0].tokens.output), (272_001, usd("30")));
    let TierPrice::Own { long_context, .. } = &x.tiers[1].price else { panic!() };
    assert_eq!((&*x.tiers[1].name, long_context[0].tokens.input), ("flex", usd("4")));
    assert_eq!(long_context[0].tokens.output, None, "what is not listed is not known");
    let TierPrice::Own { long_context, .. } = &x.tiers[0].price else { panic!() };
    assert_eq!(
        (&*x.tiers[0].name, long_context[0].from, long_context[0].tokens.input),
        ("batch", 272_001, None)
    );
    assert_eq!((x.regional[0].percent, x.tools.web_search), (Some(110), Rate::usd("0.01", 1)));
    assert_eq!(row("grok", "grok-x").long_context[0].from, 200_000, "xAI's bound is in it");
    assert_eq!(input(row("grok", "grok-x")), usd("2"));
    let claude = row("anthropic", "claude-x");
    assert_eq!((claude.regional[0].percent, &*claude.tiers[0].name), (Some(110), "fast"));
    let off_peak = row("deepseek", "d").off_peak.as_ref().unwrap();
    assert_eq!((off_peak.percent, off_peak.hours.len()), (50, 3));
    let stepped = row("custom-dashscope", "q");
    assert_eq!((input(stepped), stepped.long_context[0].from), (usd("0.05"), 256_001));
    assert_eq!(row("aws-bedrock", "a-latest"), row("aws-bedrock", "global.a"));
    assert_eq!(row("openai", "whisper-1").second, Rate::usd("0.006", 60));
    assert_eq!(row("openai", "tts-1").character, usd("15"));
    assert_eq!(
        (row("cohere", "rerank-x").search_unit, row("mistral", "ocr").page),
        (Rate::usd("2", 1000), Rate::usd("4", 1000))
    );
}

#[test]
fn what_litellm_says_in_ways_of_its_own_is_left_out_with_a_reason() {
    for (row, reason) in [
        (
            r#"{"litellm_provider":"openai","input_cost_per_token":0.0,"output_cost_per_token":0}"#,
            "no price but zero",
        ),
        (
            r#"{"litellm_provider":"openai","input_cost_per_token":1e-6,"citation_cost_per_token":2e-06}"#,
            "`citation_cost_per_token`",
        ),
        (
            r#"{"litellm_provider":"openai","input_cost_per_token":1e-6,"input_cost_per_token_decisions":2e-06}"#,
            "`input_cost_per_token_decisions`",
        ),
        (r#"{"litellm_provider":"openai","input_cost_per_token":-1e-6}"#, "`input_cost_per_token`"),
        (
            r#"{"litellm_provider":"openai","input_cost_per_token":1e-6,"cost_per_second":1}"#,
            "`cost_per_second`",
        ),
        (
            r#"{"litellm_provider":"openai","input_cost_per_token":5000}"#,
            "`input_cost_per_token` is no price",
        ),
        (
            r#"{"litellm_provider":"openai","input_cost_per_token":1e-6,"input_cost_per_video_token":2e-06}"#,
            "`input_cost_per_video_token`",
        ),
        (
            r#"{"litellm_provider":"openai","mode":"audio_transcription","input_cost_per_second":1e-6,"output_cost_per_second":2e-06}"#,
            "prices per second of input and output",
        ),
        (
            r#"{"litellm_provider":"groq","mode":"audio_transcription","input_cost_per_second":1e-6}"#,
            "a least time that is billed",
        ),
        (
            r#"{"litellm_provider":"vertex_ai-x","input_cost_per_token":1e-6,"regional_endpoint_uplift_multiplier":1.1}"#,
            "`regional_endpoint_uplift_multiplier`",
        ),
        (
            r#"{"litellm_provider":"perplexity","input_cost_per_token":1e-6,"search_context_cost_per_query":{"a":0.01,"b":0.02}}"#,
            "a fee for each request that depends on its search",
        ),
        (
            r#"{"litellm_provider":"openai","tiered_pricing":[{"range":[5,10],"input_cost_per_token":1e-6}]}"#,
            "`tiered_pricing`",
        ),
        (
            r#"{"litellm_provider":"deepseek","input_cost_per_token":1e-6,"off_peak_pricing":{"input_cost_per_token":3.33e-7,"windows":[{"hours_utc":"00:00-01:00"}]}}"#,
            "`off_peak_pricing`",
        ),
        (
            r#"{"litellm_provider":"deepseek","input_cost_per_token":1e-6,"off_peak_pricing":{"input_cost_per_token":5e-7,"windows":[{"hours_utc":"late"}]}}"#,
            "`off_peak_pricing`",
        ),
        (r#"{"mode":"chat"}"#, "no provider"),
        (r#"{"alias_of":"nothing"}"#, "an alias of no row"),
        ("7", "no object"),
    ] {
        let (table, report) = litellm(&format!(
            r#""m":{row},"good":{{"litellm_provider":"openai","input_cost_per_token":1e-6}}"#
        ));
        assert_eq!((table.rows().count(), report.imported), (1, 1), "{row}");
        let (count, example) = report
            .skipped
            .iter()
            .find(|(known, _)| known.contains(reason))
            .map(|(_, left)| left)
            .unwrap_or_else(|| panic!("{row}: {report}"));
        assert!(*count == 1 && example.ends_with('m'), "{report}");
    }
    let (table, report) = litellm(
        r#""hd/1024-x-1024/dall-e-3":{"litellm_provider":"openai","output_cost_per_image":0.08},
        "m":{"litellm_provider":"openai","input_cost_per_token":1e-6},"openai/m":{"litellm_provider":"openai","input_cost_per_token":2e-6},
        "n":{"litellm_provider":"openai","input_cost_per_token":1e-6},"openai/n":{"litellm_provider":"openai","input_cost_per_token":1e-6}"#,
    );
    assert!(table.get("openai", "m").is_none() && table.get("openai", "n").is_some());
    assert_eq!(report.skipped["two prices for one name"].0, 2);
    assert_eq!(
        report.to_string(),
        "LiteLLM, 1 rows; 3 left out: 2 for two prices for one name (openai/m), 1 for a name with more than the model in it (hd/1024-x-1024/dall-e-3)"
    );
}

#[test]
fn a_catalogue_cannot_fill_the_log() {
    let row = |number: usize| {
        let long = "x".repeat(10_000);
        format!(
            r#""\u001b[31m\n{number}{long}":{{"litellm_provider":"openai","cost_\u0007{number}{long}":1}}"#
        )
    };
    let rows: Vec<_> = (0..500).map(row).collect();
    let good = r#""good":{"litellm_provider":"openai","input_cost_per_token":1e-6}"#;
    let (_, report) = litellm(&format!("{},{good}", rows.join(",")));
    assert_eq!(report.skipped.values().map(|(count, _)| count).sum::<usize>(), 500);
    assert!(report.skipped.len() <= 101);
    let line = report.to_string();
    assert!(line.len() < 4096 && !line.contains(char::is_control), "{line}");
    assert!(line.contains("for other reasons"), "{line}");
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
