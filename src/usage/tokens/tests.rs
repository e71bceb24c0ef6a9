//! Figures of providers in the form of [`Usage`].

use super::*;
use crate::usage::reported::Reported;
use crate::usage::shape::Shape;

fn usage(json: &str) -> Usage {
    of(Shape::Other, json)
}

fn of(shape: Shape, json: &str) -> Usage {
    Usage::new(&Reported::read(json.as_bytes()).unwrap(), shape)
}

#[test]
fn reasoning_is_beside_the_output_if_the_total_says_so() {
    let chat = usage(
        r#"{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,
            "completion_tokens_details":{"reasoning_tokens":290}}"#,
    );
    assert_eq!((chat.output_visible, chat.reasoning), (Some(1), Some(290)));
    assert_eq!((chat.input(), chat.output(), chat.total()), (Some(12), Some(291), Some(303)));
    assert!(!chat.inconsistent);
}

#[test]
fn reasoning_is_inside_the_output_if_the_total_says_so() {
    let responses = usage(
        r#"{"input_tokens":5689,"input_tokens_details":{"cached_tokens":2048},
            "output_tokens":444,"output_tokens_details":{"reasoning_tokens":245},
            "total_tokens":6133}"#,
    );
    assert_eq!((responses.input_uncached, responses.cache_read), (Some(3641), Some(2048)));
    assert_eq!((responses.output_visible, responses.reasoning), (Some(199), Some(245)));
    assert_eq!(responses.total(), responses.total_reported);
}

#[test]
fn either_way_of_counting_is_found_under_either_naming() {
    let responses = usage(
        r#"{"input_tokens":32,"output_tokens":9,"total_tokens":151,
            "output_tokens_details":{"reasoning_tokens":110}}"#,
    );
    assert_eq!(responses.output(), Some(119));
}

#[test]
fn a_total_that_fits_nothing_is_flagged_and_reasoning_stays_inside() {
    let odd = usage(
        r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":99,
            "completion_tokens_details":{"reasoning_tokens":7}}"#,
    );
    assert!(odd.inconsistent);
    assert_eq!((odd.output(), odd.output_visible, odd.reasoning), (Some(5), Some(0), Some(5)));
}

#[test]
fn without_a_total_reasoning_is_inside_if_it_can_be() {
    let inside = r#"{"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4}}"#;
    let beside = r#"{"output_tokens":9,"output_tokens_details":{"reasoning_tokens":40}}"#;
    assert_eq!(usage(inside).output(), Some(9));
    assert_eq!(usage(beside).output(), Some(49));
}

#[test]
fn messages_count_the_cache_beside_the_input() {
    let messages = usage(
        r#"{"input_tokens":9,"cache_creation_input_tokens":3,"cache_read_input_tokens":100,
            "output_tokens":32}"#,
    );
    assert_eq!((messages.input_uncached, messages.input()), (Some(9), Some(112)));
    assert_eq!(messages.total(), Some(144));
}

#[test]
fn a_chat_counts_the_cache_in_its_input_if_the_total_says_so() {
    let chat = |json| of(Shape::Chat, json);
    let all = chat(
        r#"{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,
            "prompt_tokens_details":{"cached_tokens":800},"cache_read_input_tokens":800,
            "cache_creation_input_tokens":100}"#,
    );
    assert_eq!(
        (all.input_uncached, all.cache_read, all.cache_write),
        (Some(100), Some(800), Some(100))
    );
    assert_eq!((all.total(), all.inconsistent), (Some(1010), false));
    let written = chat(
        r#"{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,
            "cache_creation_input_tokens":900,"cache_creation":{"ephemeral_1h_input_tokens":900}}"#,
    );
    assert_eq!((written.input_uncached, written.total()), (Some(100), Some(1010)));
    let read = chat(
        r#"{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,
            "cache_read_input_tokens":900}"#,
    );
    assert_eq!((read.input_uncached, read.total()), (Some(100), Some(1010)));
    let beside = chat(
        r#"{"prompt_tokens":100,"completion_tokens":10,"total_tokens":1010,
            "cache_read_input_tokens":900}"#,
    );
    assert_eq!((beside.input_uncached, beside.total()), (Some(100), Some(1010)));
}

#[test]
fn gemini_leaves_out_an_output_of_zero() {
    let of = |json| of(Shape::GenerateContent, json);
    let refused = of(r#"{"promptTokenCount":5,"totalTokenCount":5}"#);
    assert_eq!((refused.input(), refused.output()), (Some(5), Some(0)));
    let with_tools =
        of(r#"{"promptTokenCount":5,"toolUsePromptTokenCount":7,"totalTokenCount":12}"#);
    assert_eq!((with_tools.input(), with_tools.output()), (Some(12), Some(0)));
    assert_eq!(of(r#"{"promptTokenCount":5,"totalTokenCount":9}"#).output(), None);
    assert_eq!(of(r#"{"promptTokenCount":5}"#).output(), None);
    assert_eq!(usage(r#"{"prompt_tokens":5,"total_tokens":5}"#).output(), None);
}

#[test]
fn a_cached_figure_larger_than_the_input_is_beside_it() {
    let odd = usage(
        r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":64},
            "completion_tokens":1,"total_tokens":75}"#,
    );
    assert_eq!((odd.input_uncached, odd.input(), odd.inconsistent), (Some(10), Some(74), false));
}

#[test]
fn embeddings_and_images_have_no_output() {
    let embeddings = usage(r#"{"prompt_tokens":1,"total_tokens":1}"#);
    assert_eq!((embeddings.input(), embeddings.output()), (Some(1), None));
    let images = usage(r#"{"cost_in_usd_ticks":200000000}"#);
    assert_eq!((images.cost_ticks, images.total()), (Some(200_000_000), None));
}

#[test]
fn gemini_counts_thoughts_and_tools_beside_the_output_and_the_input() {
    let usage = of(
        Shape::GenerateContent,
        r#"{"promptTokenCount":427,"candidatesTokenCount":122,"toolUsePromptTokenCount":771,
            "thoughtsTokenCount":447,"totalTokenCount":1767,"cachedContentTokenCount":100,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":327},
                {"modality":"AUDIO","tokenCount":60},{"modality":"IMAGE","tokenCount":40}],
            "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":10}],
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":22}]}"#,
    );
    assert_eq!((usage.input_uncached, usage.cache_read), (Some(1098), Some(100)));
    assert_eq!((usage.output_visible, usage.reasoning), (Some(122), Some(447)));
    assert_eq!((usage.total(), usage.inconsistent), (Some(1767), false));
    assert_eq!((usage.audio_input, usage.image_input), (Some(50), Some(40)));
    assert_eq!((usage.audio_output, usage.image_output), (None, Some(22)));
    let interactions = of(
        Shape::Interactions,
        r#"{"total_input_tokens":22,"total_output_tokens":973,"total_thought_tokens":129,
            "total_tool_use_tokens":249,"total_cached_tokens":2,"total_tokens":1373,
            "input_tokens_by_modality":[{"modality":"text","tokens":22}]}"#,
    );
    assert_eq!((interactions.input(), interactions.output()), (Some(271), Some(1102)));
    assert_eq!((interactions.cache_read, interactions.inconsistent), (Some(2), false));
    // All of the output may be thoughts.
    let cut = r#"{"promptTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":12}"#;
    let cut = of(Shape::GenerateContent, cut);
    assert_eq!((cut.output(), cut.reasoning, cut.inconsistent), (Some(7), Some(7), false));
    let odd = r#"{"promptTokenCount":5,"candidatesTokenCount":1,"thoughtsTokenCount":7,"totalTokenCount":9}"#;
    assert!(of(Shape::GenerateContent, odd).inconsistent);
}

#[test]
fn google_reports_reasoning_only_in_the_total() {
    let json = r#"{"prompt_tokens":35,"completion_tokens":12,"total_tokens":109}"#;
    let usage = of(Shape::ChatGoogle, json);
    assert_eq!((usage.output_visible, usage.reasoning), (Some(12), Some(62)));
    assert_eq!((usage.total(), usage.inconsistent), (Some(109), false));
    assert!(of(Shape::Chat, json).inconsistent);
    let less = r#"{"prompt_tokens":35,"completion_tokens":12,"total_tokens":40}"#;
    assert!(of(Shape::ChatGoogle, less).inconsistent);
}

#[test]
fn perplexity_counts_reasoning_beside_a_total_that_adds_up_without_it() {
    let json = r#"{"prompt_tokens":33,"completion_tokens":11395,"total_tokens":11428,
        "reasoning_tokens":193947,"citation_tokens":52848,"num_search_queries":28,
        "cost":{"request_cost":0.0,"total_cost":1.10128}}"#;
    for shape in [Shape::ChatPerplexity, Shape::AsyncPerplexity, Shape::Chat] {
        let usage = of(shape, json);
        assert_eq!((usage.input(), usage.output()), (Some(33), Some(205_342)));
        assert_eq!((usage.reasoning, usage.citations), (Some(193_947), Some(52_848)));
        assert_eq!(usage.cost_ticks, Some(11_012_800_000));
        assert_eq!((usage.tools.web_search, usage.inconsistent), (Some(28), false));
    }
    let small =
        r#"{"prompt_tokens":3,"completion_tokens":10,"total_tokens":13,"reasoning_tokens":4}"#;
    assert_eq!(of(Shape::ChatPerplexity, small).output(), Some(14));
    assert_eq!(of(Shape::Chat, small).output(), Some(10));
}

#[test]
fn cache_writes_in_the_details_are_inside_the_input() {
    let openai = usage(
        r#"{"input_tokens":1000,"output_tokens":10,"total_tokens":1010,"input_tokens_details":{
            "cached_tokens":300,"cache_write_tokens":200,
            "cache_write_tokens_details":{"ttl_30m_tokens":150,"ttl_12h_tokens":50}}}"#,
    );
    assert_eq!((openai.input_uncached, openai.cache_read), (Some(500), Some(300)));
    assert_eq!((openai.cache_write, openai.cache_write_long), (Some(200), Some(50)));
    assert_eq!((openai.total(), openai.inconsistent), (Some(1010), false));
    let anthropic = usage(
        r#"{"input_tokens":10,"cache_read_input_tokens":20,"cache_creation_input_tokens":30,
            "cache_creation":{"ephemeral_5m_input_tokens":18,"ephemeral_1h_input_tokens":12},
            "output_tokens":5,"output_tokens_details":{"thinking_tokens":2}}"#,
    );
    assert_eq!((anthropic.input_uncached, anthropic.input()), (Some(10), Some(60)));
    assert_eq!((anthropic.cache_write, anthropic.cache_write_long), (Some(30), Some(12)));
    assert_eq!((anthropic.output_visible, anthropic.reasoning), (Some(3), Some(2)));
}

#[test]
fn other_names_of_cached_tokens() {
    for json in [
        r#"{"prompt_tokens":563,"prompt_cache_hit_tokens":512,"prompt_cache_miss_tokens":51,
            "completion_tokens":1,"total_tokens":564,"prompt_tokens_details":{"cached_tokens":512}}"#,
        r#"{"prompt_tokens":563,"cached_tokens":512,"completion_tokens":1,"total_tokens":564}"#,
        r#"{"prompt_tokens":563,"num_cached_tokens":512,"completion_tokens":1,"total_tokens":564}"#,
        r#"{"total_tokens":564,"input_tokens":563,"output_tokens":1,
            "input_token_details":{"cached_tokens":512,"cached_tokens_details":{"audio_tokens":2}}}"#,
    ] {
        let usage = usage(json);
        assert_eq!((usage.input_uncached, usage.cache_read), (Some(51), Some(512)), "{json}");
        assert_eq!((usage.total(), usage.inconsistent), (Some(564), false), "{json}");
    }
}

#[test]
fn mistral_counts_connectors_beside_the_prompt_and_audio_in_seconds() {
    let conversation = usage(
        r#"{"prompt_tokens":188,"completion_tokens":55,"total_tokens":7355,
            "connector_tokens":7112,"connectors":{"web_search":1}}"#,
    );
    assert_eq!((conversation.input(), conversation.inconsistent), (Some(7300), false));
    assert_eq!(conversation.tools.web_search, Some(1));
    let audio = usage(r#"{"prompt_tokens":4,"completion_tokens":1,"prompt_audio_seconds":12}"#);
    assert_eq!(audio.duration_ms, Some(12_000));
    // Its tokens are only in the total, named or not.
    for (details, cached) in [
        ("", None),
        (r#","prompt_tokens_details":{"cached_tokens":0,"audio_tokens":375}"#, Some(0)),
        (r#","prompt_tokens_details":{"cached_tokens":368}"#, Some(368)),
    ] {
        let audio = usage(&format!(
            r#"{{"prompt_audio_seconds":12,"prompt_tokens":3,"total_tokens":419,"completion_tokens":41{details}}}"#
        ));
        assert_eq!(
            (audio.input_uncached, audio.cache_read, audio.output()),
            (Some(3), cached, Some(41))
        );
        assert_eq!((audio.audio_input, audio.inconsistent), (None, false));
    }
    let less =
        r#"{"prompt_audio_seconds":12,"prompt_tokens":3,"total_tokens":40,"completion_tokens":41}"#;
    assert!(usage(less).inconsistent);
    let silent =
        r#"{"prompt_audio_seconds":0,"prompt_tokens":3,"total_tokens":419,"completion_tokens":41}"#;
    assert!(usage(silent).inconsistent);
    let none = usage(r#"{"prompt_tokens":4,"completion_tokens":1,"prompt_audio_seconds":{}}"#);
    assert_eq!(none.duration_ms, None);
}
