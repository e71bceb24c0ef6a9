//! LiteLLM's catalogue.

use super::*;

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
fn searches_of_gemini_have_no_price() {
    for (provider, slug, is_known) in [
        ("gemini", "google-ai-studio", false),
        ("vertex_ai-language-models", "google-vertex-ai", false),
        ("vertex_ai-anthropic_models", "google-vertex-ai", true),
    ] {
        let (table, _) = litellm(&format!(
            r#""m":{{"litellm_provider":"{provider}","mode":"chat","input_cost_per_token":1e-06,
            "web_search_billing_unit":"per_query",
            "search_context_cost_per_query":{{"search_context_size_low":0.014}}}}"#
        ));
        let price = table.get(slug, "m").unwrap();
        assert_eq!(price.tools.web_search.is_some(), is_known, "{provider}");
    }
}

#[test]
fn rows_that_cannot_be_represented_are_left_out_with_a_reason() {
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
        "LiteLLM, 1 rows; 3 left out: 2 for two prices for one name (openai/m), 1 for a name that has more than the model in it (hd/1024-x-1024/dall-e-3)"
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
