//! Usage and cost of all shapes of responses, exactly.

mod one_piece;
mod videos;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt};
use tower_ai_gateway::usage::{Cost, CostSource, Metering, Price, PriceTable, Prices, TokenPrice};
use tower_ai_gateway::{GatewayLayer, Outcome, Provider};

use crate::support::gateway::all_controls;
use crate::support::memory::{End, Recorder};
use crate::support::message::request;
use crate::support::metered::{
    CHAT, CHAT_USAGE, DONE, Scene, chat_event, get, json, post, usage_event,
};
use crate::support::scripted::{Reply, Step, Upstream};

const RESPONSES: &str = "/v1/acct/gw/grok/v1/responses";
const MESSAGES: &str = "/v1/acct/gw/grok/v1/messages";
const GEMINI: &str = "/v1/acct/gw/grok/v1beta/models/gemini:streamGenerateContent";
const IMAGES: &str = "/v1/acct/gw/grok/v1/images/generations";
const EDITS: &str = "/v1/acct/gw/grok/v1/images/edits";

const RESPONSES_USAGE: &str = r#"{"input_tokens":5689,"input_tokens_details":{"cached_tokens":2048},"output_tokens":444,"output_tokens_details":{"reasoning_tokens":245},"total_tokens":6133,"num_server_side_tools_used":2,"cost_in_usd_ticks":160708500,"server_side_tool_usage_details":{"web_search_calls":2}}"#;

/// Uncached, cached, visible and reasoning tokens, and the ticks with their source.
type Figures = ([Option<u64>; 4], Option<(u64, &'static str)>);

fn figures(end: &End) -> Figures {
    let usage = end.usage.unwrap_or_default();
    let tokens = [usage.input_uncached, usage.cache_read, usage.output_visible, usage.reasoning];
    (tokens, end.cost.map(|cost| (cost.ticks, source(cost))))
}

fn source(cost: Cost) -> &'static str {
    match cost.source {
        CostSource::Custom => "custom",
        CostSource::Reported => "reported",
        CostSource::Table { .. } => "table",
        _ => "unknown",
    }
}

fn messages_stream() -> String {
    [
        r#"{"type":"message_start","message":{"model":"grok-4.3","usage":{"input_tokens":9,"cache_read_input_tokens":100,"cache_creation_input_tokens":0,"output_tokens":1}}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":32}}"#,
        r#"{"type":"message_stop"}"#,
    ]
    .map(|data| format!("event: x\ndata: {data}\n\n"))
    .concat()
}

fn responses_stream() -> String {
    [
        r#"{"type":"response.created","response":{"model":"grok-4.3","usage":null}}"#.to_owned(),
        r#"{"type":"response.output_text.delta","delta":"hi"}"#.to_owned(),
        format!(
            r#"{{"type":"response.completed","response":{{"model":"grok-4.3","output":[{{"text":"\"usage\":1"}}],"usage":{RESPONSES_USAGE}}}}}"#
        ),
    ]
    .map(|data| format!("data: {data}\n\n"))
    .concat()
}

fn chat_stream() -> String {
    [
        "\u{feff}: a comment\n\n".to_owned(),
        chat_event(r#"{"role":"assistant","content":""}"#),
        chat_event(r#"{"reasoning_content":"Hm"}"#),
        chat_event(r#"{"content":"\"usage\":{\"prompt_tokens\":1}"}"#),
        usage_event(CHAT_USAGE),
        DONE.to_owned(),
    ]
    .concat()
}

#[tokio::test]
async fn every_json_format_gives_exact_usage() {
    let mut scene = Scene::new().await;
    let chat = format!(
        r#"{{"model":"grok-4.3","choices":[{{"message":{{"content":"hi"}}}}],"usage":{CHAT_USAGE}}}"#
    );
    for (path, body, expected) in [
        (CHAT, chat.clone(), ([Some(76), Some(128), Some(2), Some(62)], Some((2_244_800, "reported")))),
        ("/v1/acct/gw/grok/v1/completions", chat, ([Some(76), Some(128), Some(2), Some(62)], Some((2_244_800, "reported")))),
        (
            RESPONSES,
            format!(r#"{{"model":"grok-4.3","output":[],"usage":{RESPONSES_USAGE}}}"#),
            ([Some(3641), Some(2048), Some(199), Some(245)], Some((160_708_500, "reported"))),
        ),
        (
            MESSAGES,
            r#"{"model":"grok-4.3","content":[],"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":32}}"#.to_owned(),
            ([Some(9), Some(100), Some(32), None], Some((9 * 12_500 + 100 * 2_000 + 32 * 25_000, "table"))),
        ),
        (
            "/v1/acct/gw/grok/v1/embeddings",
            r#"{"model":"v1","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":1,"total_tokens":1}}"#.to_owned(),
            ([Some(1), None, None, None], None),
        ),
        (
            IMAGES,
            r#"{"data":[{"url":"u","mime_type":"image/jpeg"}],"usage":{"cost_in_usd_ticks":200000000}}"#.to_owned(),
            ([None; 4], Some((200_000_000, "reported"))),
        ),
        (
            EDITS,
            r#"{"model":"grok-imagine-image","data":[{"url":"u"}]}"#.to_owned(),
            ([None; 4], None),
        ),
    ] {
        let end = scene.json(path, &body).await;
        assert_eq!(figures(&end), expected, "{path}");
        assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::Complete), "{path}");
    }
}

#[tokio::test]
async fn every_stream_format_gives_the_same_usage_in_any_split() {
    let mut scene = Scene::new().await;
    let messages = 9 * 12_500 + 100 * 2_000 + 32 * 25_000;
    for (path, body, expected, terminal) in [
        (
            CHAT,
            chat_stream(),
            ([Some(76), Some(128), Some(2), Some(62)], Some((2_244_800, "reported"))),
            "done",
        ),
        (
            RESPONSES,
            responses_stream(),
            ([Some(3641), Some(2048), Some(199), Some(245)], Some((160_708_500, "reported"))),
            "completed",
        ),
        (
            MESSAGES,
            messages_stream(),
            ([Some(9), Some(100), Some(32), None], Some((messages, "table"))),
            "message_stop",
        ),
    ] {
        for line_end in ["\n", "\r\n", "\r"] {
            let body = body.replace('\n', line_end);
            for size in [1, 7, 100, body.len()] {
                let end = scene.stream(path, &body, size).await;
                let what = format!("{path} {line_end:?} by {size}");
                assert_eq!(figures(&end), expected, "{what}");
                assert_eq!(
                    (end.outcome, end.metering),
                    (Outcome::Complete, Metering::Complete),
                    "{what}"
                );
                assert_eq!(
                    end.terminal.map(|terminal| terminal.as_str()),
                    Some(terminal),
                    "{what}"
                );
                assert_eq!(end.response_model.as_deref(), Some("grok-4.3"), "{what}");
            }
        }
    }
}

/// A provider in memory with this answer to everything.
fn answering(json: &'static str) -> Upstream {
    Upstream::always(Reply::ok().steps(&[Step::Data(json)]))
}

#[tokio::test]
async fn prices_depend_on_provider_and_service_tier() {
    const PLAIN: &str = r#"{"model":"grok-4.7","service_tier":"default","usage":{"prompt_tokens":100,"completion_tokens":10}}"#;
    const PRIORITY: &str = r#"{"model":"grok-4.7","service_tier":"priority","usage":{"prompt_tokens":100,"completion_tokens":10}}"#;
    for (base, answer, ticks) in [
        ("https://api.x.ai/v1", PLAIN, 2_600_000),
        ("https://api.x.ai/v1", PRIORITY, 5_200_000),
        ("https://us.api.x.ai/v1", PLAIN, 2_860_000),
        ("https://us.api.x.ai:443/v1", PLAIN, 2_860_000),
    ] {
        let recorder = Recorder::default();
        let layer = GatewayLayer::builder().provider(Provider::xai().base_url(base));
        let layer = layer.metrics_hook(recorder.clone()).build().unwrap();
        let request = Request::post(CHAT).body(Full::<Bytes>::from("{}")).unwrap();
        let service = layer.client_layer().layer(answering(answer));
        service.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(recorder.end().cost.unwrap().ticks, ticks, "{base}");
    }
}

#[tokio::test]
async fn a_cost_comes_from_client_then_provider_then_table() {
    let prices = Prices::default();
    let mut scene =
        Scene::with(|layer| layer.settings(all_controls()).prices(prices.clone())).await;
    let body = |model: &str, cost: &str| {
        format!(
            r#"{{"model":"{model}","usage":{{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110{cost}}}}}"#
        )
    };
    let mut of = async |header: &str, body: String| {
        let request = request(&format!("POST {CHAT}"), &[header], br#"{"model":"grok-4.7"}"#);
        let (_, end) = scene.exchange(&request, &json("200 OK", &body)).await;
        end.cost.map(|cost| (cost.ticks, source(cost)))
    };
    let reported = r#","cost_in_usd_ticks":77"#;
    let total = r#"cf-aig-custom-cost: {"total_cost":0.01}"#;
    let each = r#"cf-aig-custom-cost: {"per_token_in":0.000001,"per_token_out":0.00001}"#;
    assert_eq!(of("a: b", body("grok-4.3", reported)).await, Some((77, "reported")));
    assert_eq!(of(total, body("grok-4.3", reported)).await, Some((100_000_000, "custom")));
    assert_eq!(of(each, body("grok-4.3", "")).await, Some((2_000_000, "custom")));
    // Priced by the model of the response, not of the request.
    assert_eq!(of("a: b", body("grok-4.3", "")).await, Some((1_500_000, "table")));
    let unnamed = body("grok-4.3", "").replace("model", "other");
    assert_eq!(of("a: b", unnamed).await, Some((2_600_000, "table")));
    assert_eq!(of("a: b", body("grok-9", "")).await, None);
    // The host adds a model while the gateway runs.
    prices.insert("grok/grok-9", Price::per_token(TokenPrice::new(1, 1, 2)));
    assert_eq!(of("a: b", body("grok-9", "")).await, Some((120, "table")));
    prices.replace(PriceTable::empty(Default::default()));
    assert_eq!(of("a: b", body("grok-4.3", "")).await, None);
}

#[tokio::test]
async fn errors_and_refusals_cost_nothing() {
    let mut scene = Scene::with(|layer| layer.settings(all_controls())).await;
    let header = r#"cf-aig-custom-cost: {"total_cost":1}"#;
    let chat = request(&format!("POST {CHAT}"), &[header], b"{}");
    let answers = [
        json("429 Too Many Requests", r#"{"code":"x","error":"slow down"}"#),
        json("500 Internal Server Error", r#"{"usage":{"prompt_tokens":1}}"#),
        json("200 OK", r#"{"code":"unavailable","error":"Timed out waiting for first token"}"#),
    ];
    for answer in answers {
        let (_, end) = scene.exchange(&chat, &answer).await;
        assert_eq!((end.usage, end.cost), (None, None));
    }
    let refused = request("POST /v1/acct/gw/compat/chat/completions", &[header], b"{}");
    scene.gateway.answer(refused).await.gateway_error(400, 2008);
    let end = scene.end().await;
    assert_eq!((end.cost, end.metering), (None, Metering::None));
    let refused = request("GET /v1/acct/gw/grok/v1/models", &["cf-aig-skip-cache: maybe"], b"");
    scene.gateway.answer(refused).await.gateway_error(400, 2400);
    // An answer without the provider repeats nothing.
    assert_eq!(scene.end().await.metering, Metering::None);
}

#[tokio::test]
async fn usage_beyond_the_limit_stops_only_the_metering() {
    let mut scene = Scene::with(|layer| layer.usage_limit(200)).await;
    let padding = " ".repeat(300);
    let usage = format!(r#"{{"prompt_tokens":1,{padding}"completion_tokens":1}}"#);
    let stream = [&chat_event(r#"{"content":"a"}"#)[..], &usage_event(&usage), DONE].concat();
    for size in [1, 64, stream.len()] {
        let end = scene.stream(CHAT, &stream, size).await;
        assert_eq!(
            (end.outcome, end.metering, end.usage),
            (Outcome::Complete, Metering::Overflow, None)
        );
    }
    let end = scene.json(CHAT, &format!(r#"{{"usage":{usage}}}"#)).await;
    assert_eq!(
        (end.outcome, end.metering, end.usage),
        (Outcome::Complete, Metering::Overflow, None)
    );
}

#[tokio::test]
async fn malformed_responses_are_relayed_and_not_metered() {
    let mut scene = Scene::new().await;
    for (body, metering) in [("<html>", Metering::Malformed), ("", Metering::Complete)] {
        let end = scene.json(CHAT, body).await;
        assert_eq!((end.outcome, end.metering), (Outcome::Complete, metering), "{body}");
    }
    let broken_usage = usage_event(r#"{"prompt_tokens":1,oops}"#);
    let end = scene.stream(CHAT, &[&broken_usage, DONE].concat(), 50).await;
    assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::Malformed));
    let audio = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 3\r\n\r\nabc";
    let (_, end) = scene.exchange(&post("/v1/acct/gw/grok/v1/tts", b"{}"), audio).await;
    assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::None));
}

#[tokio::test]
async fn metering_can_be_switched_off() {
    let mut scene = Scene::with(|layer| layer.usage_limit(0)).await;
    let end = scene.json(CHAT, &format!(r#"{{"usage":{CHAT_USAGE}}}"#)).await;
    assert_eq!((end.usage, end.cost, end.metering), (None, None, Metering::None));
}
