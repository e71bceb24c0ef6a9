//! Detects whether a response was complete, and when its first content came.

mod errors;

use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::usage::Metering;
use tower_ai_gateway::{Outcome, Provider};

use crate::support::ends::Ends;
use crate::support::gateway::Setup;
use crate::support::guard;
use crate::support::memory::End;
use crate::support::message::{chunk, request};
use crate::support::metered::{
    CHAT, CHAT_REQUEST, CHAT_USAGE, DONE, SSE_HEAD, Scene, chat_event, json, post, usage_event,
};
use crate::support::raw_upstream::RawUpstream;
use crate::support::wire::Wire;

const MESSAGES: &str = "/v1/acct/gw/grok/v1/messages";
const RESPONSES: &str = "/v1/acct/gw/grok/v1/responses";
const MESSAGE_START: &str = "data: {\"type\":\"message_start\",\"message\":{\"model\":\"grok-4.3\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n";
const MESSAGE_DELTA: &str =
    "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hi\"}}\n\n";

#[tokio::test]
async fn a_stream_without_its_terminal_marker_is_broken() {
    let mut scene = Scene::new().await;
    let content = chat_event(r#"{"content":"a [DONE]"}"#).repeat(3);
    let response =
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"response.completed\"}\n\n";
    for (path, body) in [
        (CHAT, content.as_str()),
        (CHAT, ""),
        (RESPONSES, response),
        ("/v1/acct/gw/grok/v1/completions", "data: {\"choices\":[{\"text\":\"a\"}]}\n\n"),
    ] {
        let end = scene.stream(path, body, 30).await;
        assert_eq!(
            (end.outcome, end.failure),
            (Outcome::Broken, Some(Failure::Unfinished)),
            "{body}"
        );
        assert_eq!((end.metering, end.usage), (Metering::Partial, None), "{body}");
        assert_eq!(end.timings.inter_token, None);
    }
    let end = scene.stream(MESSAGES, &[MESSAGE_START, MESSAGE_DELTA].concat(), 30).await;
    assert_eq!((end.outcome, end.metering), (Outcome::Broken, Metering::Partial));
    let usage = end.usage.unwrap();
    assert_eq!((usage.input(), usage.output()), (Some(9), Some(1)));
    assert_eq!(end.cost.unwrap().ticks, 9 * 12_500 + 25_000);
}

#[tokio::test]
async fn responses_without_a_stream_need_no_terminal_marker() {
    let mut scene = Scene::new().await;
    let stream = "content-type: text/event-stream\r\nconnection: close";
    let head = request(&format!("HEAD {CHAT}"), &[], b"");
    for (request, status) in [(&head, "200 OK"), (&post(CHAT, b"{}"), "503 Unavailable")] {
        let answer = format!("HTTP/1.1 {status}\r\n{stream}\r\n\r\n");
        let mut client = scene.gateway.connect().await;
        client.send(request).await;
        let mut provider = scene.provider.accept().await;
        provider.read_message().await;
        provider.send(answer).await;
        drop(provider);
        client.read_head().await;
        let end = scene.end().await;
        assert_eq!((end.outcome, end.failure), (Outcome::Complete, None), "{status}");
    }
}

#[tokio::test]
async fn streams_of_other_apis_need_no_terminal_marker() {
    let mut scene = Scene::new().await;
    let end = scene.stream("/v1/acct/gw/grok/v1/something/new", "data: {}\n\n", 30).await;
    assert_eq!((end.outcome, end.failure), (Outcome::Complete, None));
}

#[tokio::test]
async fn a_cut_stream_of_a_providers_own_api_is_broken() {
    let provider = RawUpstream::start().await;
    let (hook, ends) = Ends::by(End::of);
    let gateway = Setup::new(provider.base("/v1"))
        .provider(Provider::workers_ai("acct").base_url(provider.base("/ai")))
        .provider(Provider::mistral().base_url(provider.base("")))
        .provider(Provider::perplexity().base_url(provider.base("")))
        .layer(|layer| layer.metrics_hook(hook))
        .start()
        .await;
    let mut scene = Scene { gateway, provider, ends };
    let workers = "data: {\"response\":\"h\"}\n\n";
    let turn = "event: message.output.delta\ndata: {\"type\":\"message.output.delta\",\"content\":\"h\"}\n\n";
    let turned = "event: conversation.response.done\ndata: {\"type\":\"conversation.response.done\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n";
    let delta = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"h\"}\n\n";
    let completed =
        "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n";
    for (path, cut, end) in [
        ("workers-ai/run/@cf/meta/llama", workers, DONE),
        ("workers-ai/@cf/meta/llama", workers, DONE),
        ("mistral/v1/conversations", turn, turned),
        ("mistral/conversations/c_1", turn, turned),
        ("mistral/v1/conversations/c_1/restart", turn, turned),
        ("perplexity-ai/v1/agent", delta, completed),
    ] {
        let path = format!("/v1/acct/gw/{path}");
        let broken = scene.stream(&path, cut, 30).await;
        let failure = Some(Failure::Unfinished);
        assert_eq!((broken.outcome, broken.failure), (Outcome::Broken, failure), "{path}");
        let whole = scene.stream(&path, &[cut, end].concat(), 30).await;
        assert_eq!((whole.outcome, whole.failure), (Outcome::Complete, None), "{path}");
    }
}

#[tokio::test]
async fn a_broken_stream_keeps_the_usage_seen_so_far() {
    let mut scene = Scene::new().await;
    let (mut client, mut provider) = begin(&mut scene, MESSAGES).await;
    provider.send(chunk(MESSAGE_START.as_bytes())).await;
    client.read_chunk().await.unwrap();
    drop(provider);
    client.ended().await;
    let end = scene.end().await;
    assert_eq!((end.outcome, end.metering), (Outcome::Broken, Metering::Partial));
    assert_eq!(end.usage.unwrap().total(), Some(10));
}

#[tokio::test]
async fn a_stream_broken_after_its_terminal_marker_is_complete() {
    let mut scene = Scene::new().await;
    let (mut client, mut provider) = begin(&mut scene, CHAT).await;
    provider.send(chunk([&usage_event(CHAT_USAGE), DONE].concat().as_bytes())).await;
    client.read_chunk().await.unwrap();
    drop(provider);
    client.ended().await;
    let end = scene.end().await;
    assert_eq!((end.outcome, end.failure), (Outcome::Complete, None));
    assert_eq!(end.metering, Metering::Complete);
    assert_eq!(end.cost.unwrap().ticks, 2_244_800);
}

#[tokio::test]
async fn a_cancelled_stream_counts_what_arrived() {
    let mut scene = Scene::new().await;
    let (mut client, mut provider) = begin(&mut scene, MESSAGES).await;
    provider.send(chunk(MESSAGE_START.as_bytes())).await;
    client.read_chunk().await.unwrap();
    drop(client);
    guard("the provider's connection to end", provider.ended()).await;
    let end = scene.end().await;
    assert_eq!((end.outcome, end.metering), (Outcome::Cancelled, Metering::Partial));
    assert_eq!(end.usage.unwrap().total(), Some(10));
    assert_eq!(end.cost.unwrap().ticks, 9 * 12_500 + 25_000);
}

#[tokio::test]
async fn a_client_that_leaves_after_the_terminal_marker_is_complete() {
    let mut scene = Scene::new().await;
    let (mut client, mut provider) = begin(&mut scene, CHAT).await;
    let body = [&chat_event(r#"{"content":"a"}"#), &usage_event(CHAT_USAGE)[..], DONE].concat();
    provider.send(chunk(body.as_bytes())).await;
    client.read_chunked_bytes(body.len()).await;
    drop(client);
    guard("the provider's connection to end", provider.ended()).await;
    let end = scene.end().await;
    assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::Complete));
    assert_eq!(end.cost.unwrap().ticks, 2_244_800);
}

#[tokio::test]
async fn a_client_that_leaves_after_the_last_brace_of_json_is_cancelled() {
    let mut scene = Scene::new().await;
    let mut client = scene.gateway.connect().await;
    client.send(post(CHAT, b"{}")).await;
    let mut provider = scene.provider.accept().await;
    provider.read_message().await;
    let body = format!(r#"{{"usage":{CHAT_USAGE}}}"#);
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    provider.send(head).await;
    provider.send(chunk(body.as_bytes())).await;
    client.read_head().await;
    client.read_chunk().await.unwrap();
    drop(client);
    guard("the provider's connection to end", provider.ended()).await;
    let end = scene.end().await;
    assert_eq!((end.outcome, end.metering), (Outcome::Cancelled, Metering::Complete));
    assert_eq!(end.cost.unwrap().ticks, 2_244_800);
}

#[tokio::test]
async fn the_first_token_is_not_the_first_byte() {
    let mut scene = Scene::new().await;
    let (mut client, mut provider) = begin(&mut scene, CHAT).await;
    let mut next = async |event: String| {
        provider.send(chunk(event.as_bytes())).await;
        assert_eq!(client.read_chunk().await.unwrap(), event.as_bytes());
    };
    next(": wait\n\n".to_owned()).await;
    next(chat_event(r#"{"role":"assistant","content":""}"#)).await;
    next(chat_event(r#"{"content":"a"}"#)).await;
    next(chat_event(r#"{"content":"b"}"#)).await;
    next(chat_event(r#"{"content":"c"}"#)).await;
    next(DONE.to_owned()).await;
    provider.send(chunk(b"")).await;
    let end = scene.end().await;
    let (first_data, first_token) =
        (end.timings.to_first_data.unwrap(), end.timings.to_first_token.unwrap());
    assert!(end.timings.to_head.unwrap() <= first_data);
    assert!(first_data < first_token && first_token < end.timings.total);
    assert_eq!(end.content_events, 3);
    // There are two gaps between three events.
    assert_eq!(end.timings.inter_token.unwrap(), (end.timings.total - first_token) / 2);
    assert!(end.timings.overhead < end.timings.total);
}

#[tokio::test]
async fn json_without_its_end_is_only_partly_metered() {
    let mut scene = Scene::new().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    for (body, metering) in [
        (r#"{"usage":{"prompt_tokens":1},"choices":["#, Metering::Malformed),
        (r#"{"usage":{"prompt"#, Metering::Malformed),
        (" ", Metering::Complete),
        ("[1]", Metering::Complete),
        ("{}", Metering::Complete),
    ] {
        // Only the end of the connection ends the body.
        let answer = [head, body].concat();
        let (_, end) = scene.exchange(&post(CHAT, b"{}"), answer.as_bytes()).await;
        assert_eq!((end.outcome, end.metering), (Outcome::Complete, metering), "{body}");
        assert_eq!(end.usage, None);
    }
}

#[tokio::test]
async fn json_has_a_first_byte_and_no_first_token() {
    let mut scene = Scene::new().await;
    let end = scene.json(CHAT, r#"{"choices":[{"message":{"content":"a"}}]}"#).await;
    assert!(end.timings.to_first_data.is_some());
    assert_eq!((end.timings.to_first_token, end.timings.inter_token), (None, None));
}

/// A stream whose head was relayed.
async fn begin(scene: &mut Scene, path: &str) -> (Wire, Wire) {
    let mut client = scene.gateway.connect().await;
    client.send(post(path, CHAT_REQUEST)).await;
    let mut provider = scene.provider.accept().await;
    provider.read_message().await;
    provider.send(SSE_HEAD).await;
    client.read_head().await;
    (client, provider)
}
