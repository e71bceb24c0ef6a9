//! Sums of metrics over many exchanges.

use crate::metrics::provider::{content, stream};
use crate::metrics::scene::{CHAT, Scene};
use crate::support::guard;
use crate::support::message::{STREAM_HEAD, chunk, request};
use crate::support::wire::Wire;

/// A started stream: the client's end and the provider's.
async fn begin_stream(scene: &mut Scene) -> (Wire, Wire) {
    let mut client = scene.gateway.connect().await;
    let line = "POST /v1/acct/gw/custom-raw/v1/chat/completions";
    client.send(request(line, &[], br#"{"model":"grok-4.7","stream":true}"#)).await;
    let mut provider = scene.raw.accept().await;
    provider.read_message().await;
    provider.send(STREAM_HEAD).await;
    provider.send(chunk(content().as_bytes())).await;
    client.read_head().await;
    client.read_chunked_bytes(content().len()).await;
    (client, provider)
}

#[tokio::test]
async fn every_exchange_is_counted_exactly() {
    let mut scene = Scene::new(|metrics| metrics).await;
    for _ in 0..3 {
        assert_eq!(scene.chat("grok-4.3").await.status(), 200);
    }
    for _ in 0..2 {
        assert_eq!(scene.chat("stream").await.body(), stream().as_bytes());
    }
    assert_eq!(scene.chat("busy").await.status(), 429);
    assert_eq!(scene.chat("error").await.status(), 200);
    let unified = "POST /v1/acct/gw/compat/chat/completions";
    assert_eq!(scene.send(unified, &[], "{}").await.status(), 400);
    let body = r#"{"model":"grok/grok-4.3"}"#;
    assert_eq!(scene.send(unified, &[], body).await.status(), 200);
    let gone = "POST /v1/acct/gw/custom-gone/v1/chat/completions";
    assert_eq!(scene.send(gone, &[], r#"{"model":"grok-4.3"}"#).await.status(), 502);
    let cost = r#"cf-aig-custom-cost: {"total_cost":0.5}"#;
    scene.send(CHAT, &[cost], r#"{"model":"grok-4.3"}"#).await;
    scene.chat("priced").await;
    scene.chat("unpriced").await;
    let messages = "POST /v1/acct/gw/grok/v1/messages";
    scene.send(messages, &[], r#"{"model":"messages"}"#).await;

    let (client, provider) = begin_stream(&mut scene).await;
    let live = scene.page();
    assert_eq!(live.sum("ai_gateway_streams_active", &[]), 1);
    assert_eq!(live.sum("ai_gateway_requests_active", &[]), 1);
    drop(provider);
    scene.end().await;
    drop(client);
    let (client, mut provider) = begin_stream(&mut scene).await;
    drop(client);
    guard("the provider's connection to end", provider.ended()).await;
    scene.end().await;

    let page = scene.page();
    assert_eq!(page.sum("ai_gateway_requests_started_total", &[]), 16);
    assert_eq!(page.sum("ai_gateway_requests_ended_total", &[]), 16);
    for gauge in ["ai_gateway_requests_active", "ai_gateway_streams_active"] {
        assert_eq!((page.sum(gauge, &[]), page.has(gauge)), (0, true), "{gauge}");
    }
    for (outcome, error, count) in [
        ("complete", None, 10),
        ("complete", Some("429"), 1),
        ("complete", Some("provider"), 1),
        ("rejected", Some("400"), 1),
        ("failed", Some("connect"), 1),
        ("broken", None, 0),
        ("cancelled", Some("cancelled"), 1),
    ] {
        let labels = [("ai_gateway_outcome", Some(outcome)), ("error_type", error)];
        assert_eq!(page.exact("ai_gateway_requests_ended_total", &labels), count, "{labels:?}");
    }
    let broken = [("ai_gateway_outcome", Some("broken"))];
    assert_eq!(page.exact("ai_gateway_requests_ended_total", &broken), 1);

    // Five chats and two streams have the same usage; others differ.
    for (kind, tokens) in [
        ("input", 7 * 12 + 100 + 1 + 112),
        ("output", 7 * 291 + 10 + 1 + 32),
        ("cache_read", 7 * 4 + 100),
        ("cache_write", 3),
        ("reasoning", 7 * 290),
    ] {
        let kind = [("ai_gateway_token_kind", kind)];
        assert_eq!(page.sum("ai_gateway_tokens_total", &kind), tokens, "{kind:?}");
    }
    for (source, ticks) in [
        ("reported", 6 * 1_234_567),
        ("custom", 5_000_000_000),
        // 1.25 and 2.50 USD per million.
        ("table", 100 * 12_500 + 10 * 25_000),
    ] {
        let source = [("ai_gateway_cost_source", source)];
        assert_eq!(page.sum("ai_gateway_cost_ticks_total", &source), ticks, "{source:?}");
    }
    // `unpriced`, `messages`, and the two streams without usage.
    assert_eq!(page.sum("ai_gateway_cost_unknown_total", &[]), 4);
    for (result, count) in [("complete", 12), ("partial", 2)] {
        let result = [("ai_gateway_metering_result", result)];
        assert_eq!(page.sum("ai_gateway_metering_total", &result), count, "{result:?}");
    }
    assert_eq!(page.sum("ai_gateway_metering_total", &[]), 14, "those that a provider answered");
    assert_eq!(page.sum("ai_gateway_attempts_total", &[]), 15);
    assert_eq!(page.sum("ai_gateway_attempts_total", &[("error_type", "429")]), 1);
    assert_eq!(page.sum("ai_gateway_attempts_total", &[("error_type", "connect")]), 1);

    assert_eq!(page.sum("gen_ai_client_operation_duration_seconds_count", &[]), 15);
    assert_eq!(page.sum("ai_gateway_overhead_seconds_count", &[]), 16);
    let first_chunk = "gen_ai_client_operation_time_to_first_chunk_seconds_count";
    assert_eq!(page.sum(first_chunk, &[]), 4, "of streams");
    let per_chunk = "gen_ai_client_operation_time_per_output_chunk_seconds_count";
    assert_eq!(page.sum(per_chunk, &[]), 2, "of whole streams");
    for (kind, tokens) in [("input", 297), ("output", 2080)] {
        let kind = [("gen_ai_token_type", kind)];
        assert_eq!(page.sum("gen_ai_client_token_usage_count", &kind), 10);
        assert_eq!(page.sum("gen_ai_client_token_usage_sum", &kind), tokens);
    }
}

#[tokio::test]
async fn bytes_are_counted_both_ways() {
    let mut scene = Scene::new(|metrics| metrics).await;
    let answer = scene.chat("grok-4.3").await;
    let page = scene.page();
    assert_eq!(
        page.sum("ai_gateway_request_bytes_total", &[]),
        r#"{"model":"grok-4.3"}"#.len() as u64
    );
    assert_eq!(page.sum("ai_gateway_response_bytes_total", &[]), answer.body().len() as u64);
}
