//! The log line of an exchange.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tower_ai_gateway::log::LogRecord;

use crate::log::directory::{Directory, lines};
use crate::log::scene::{CHAT, Scene};
use crate::support::message::{chunk, request};
use crate::support::raw_upstream::RawUpstream;

const JSON: &str = "content-type: application/json";
const PAYLOAD: &str = "cf-aig-collect-log-payload: true";
const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-1\r\n\
    transfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn the_line_of_a_stream_has_every_field() {
    let directory = Directory::new();
    let mut upstream = RawUpstream::start().await;
    let log = directory.hook();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    let mut client = scene.gateway.connect().await;
    let body = br#"{"model":"grok-4","stream":true,"messages":[]}"#;
    let headers = [
        "content-type: application/json; charset=utf-8",
        "user-agent: test/1.0",
        "cf-aig-event-id: mine",
        r#"cf-aig-metadata: {"team":"a","n":1.5,"b":true}"#,
        PAYLOAD,
    ];
    client.send(request(&format!("{CHAT}?a=b"), &headers, body)).await;
    let mut wire = upstream.accept().await;
    wire.read_message().await;
    let events = [
        r#"data: {"model":"grok-4-0709","service_tier":"default","choices":[{"delta":{"content":"a"}}]}"#,
        r#"data: {"model":"grok-4-0709","choices":[{"delta":{"content":"b"}}]}"#,
        r#"data: {"model":"grok-4-0709","choices":[{"delta":{"content":"c"}}]}"#,
        r#"data: {"model":"grok-4-0709","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":290},"server_side_tool_usage_details":{"web_search_calls":2,"mcp_calls":0},"cost_in_usd_ticks":2244800}}"#,
        "data: [DONE]",
    ];
    let stream: String = events.iter().map(|event| format!("{event}\n\n")).collect();
    wire.send(STREAM).await;
    for event in events {
        wire.send(chunk(format!("{event}\n\n").as_bytes())).await;
    }
    wire.send(chunk(b"")).await;
    let answer = client.read_message().await;
    scene.ended().await;
    scene.settle();

    let mut lines = lines(directory.log());
    let [line] = &mut lines[..] else { panic!("{lines:?}") };
    let duration = line["duration"].as_f64().unwrap();
    let timings = line["timings"].clone();
    let [head, data, token, gap, overhead] =
        ["to_head", "to_first_data", "to_first_token", "inter_token", "overhead"]
            .map(|name| timings[name].as_f64().unwrap());
    assert!(0.0 < head && head <= data && data <= token && token < duration, "{timings}");
    assert!(0.0 < gap && gap < duration && 0.0 < overhead && overhead < duration, "{timings}");
    let created = line["created_at"].as_str().unwrap().to_owned();
    assert!(created.starts_with("20") && created.ends_with('Z'), "{created}");
    let expected = json!({
        "id": answer.head.get("cf-aig-log-id").unwrap(),
        "created_at": created,
        "event_id": "mine",
        "account": "acct",
        "gateway": "gw",
        "provider": "grok",
        "model": "grok-4-0709",
        "request_model": "grok-4",
        "model_type": "chat",
        "request_type": "native",
        "method": "POST",
        "path": "/v1/acct/gw/grok/v1/chat/completions",
        "duration": duration,
        "request_content_type": "application/json; charset=utf-8",
        "response_content_type": "text/event-stream",
        "user_agent": "test/1.0",
        "status_code": 200,
        "success": true,
        "outcome": "complete",
        "failure": null,
        "gateway_code": null,
        "provider_error": null,
        "provider_request_id": "req-1",
        "stream": true,
        "terminal": "done",
        "cached": false,
        "cache_status": null,
        "step": 0,
        "attempts": 1,
        "metering": "complete",
        "tokens_in": 12,
        "tokens_out": 291,
        "usage_metadata": {
            "input_uncached": 8, "cache_read": 4, "cache_write": null, "output_visible": 1,
            "reasoning": 290, "total_reported": 303, "tool_calls": 2, "images": null,
            "tools": {
                "web_search": 2, "x_search": null, "code_interpreter": null, "file_search": null,
                "mcp": 0, "document_search": null, "image_generation": null,
            },
            "service_tier": "default", "inconsistent": false,
        },
        "cost": 0.000_224_48,
        "cost_ticks": 2_244_800,
        "cost_source": "reported",
        "cost_unknown": false,
        "custom_cost": false,
        "metadata": { "team": "a", "n": 1.5, "b": true },
        "timings": timings,
        "request_size": body.len(),
        "request_head": str::from_utf8(body).unwrap(),
        "request_head_complete": true,
        "response_size": stream.len(),
        "response_head": stream,
        "response_head_complete": true,
        "cut": false,
        "feedback": null,
        "score": null,
    });
    assert_eq!(*line, expected);
    let back: LogRecord = serde_json::from_value(line.clone()).unwrap();
    assert_eq!(serde_json::to_value(back).unwrap(), expected, "a line reads back as it was");
}

/// Runs an exchange with this provider's behaviour, and returns the log line.
struct Case {
    name: &'static str,
    line: &'static str,
    answer: &'static [u8],
    client_leaves: bool,
    expected: Value,
}

fn cases() -> Vec<Case> {
    let case =
        |name, line, answer, expected| Case { name, line, answer, client_leaves: false, expected };
    vec![
        case(
            "json",
            CHAT,
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 81\r\n\r\n\
              {\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}   ",
            json!({ "outcome": "complete", "status_code": 200, "success": true, "model": "m",
                "stream": false, "metering": "complete", "tokens_in": 3, "tokens_out": 2 }),
        ),
        case(
            "a total that does not add up",
            CHAT,
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 81\r\n\r\n\
              {\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":77}}",
            json!({ "metering": "complete", "tokens_in": 3, "tokens_out": 2, "usage_metadata": {
                "input_uncached": 3, "cache_read": null, "cache_write": null, "output_visible": 2,
                "reasoning": null, "total_reported": 77, "tool_calls": null, "tools": null,
                "images": null, "service_tier": null, "inconsistent": true,
            } }),
        ),
        case(
            "provider error",
            CHAT,
            b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n\
              {\"error\":{\"code\":\"rate_limited\",\"message\":\"slow\"}}  ",
            json!({ "outcome": "complete", "status_code": 429, "success": false,
                "provider_error": "rate_limited", "model": "grok-4", "tokens_in": null }),
        ),
        case(
            "refused",
            "POST /only/nosuch/v1/chat/completions",
            b"",
            json!({ "outcome": "rejected", "status_code": 400, "success": false, "provider": null,
                "gateway_code": 2008, "attempts": 0, "metering": "none" }),
        ),
        case(
            "failed",
            CHAT,
            b"nonsense\r\n\r\n",
            json!({ "outcome": "failed", "status_code": 502, "success": false, "attempts": 1,
                "failure": "protocol", "gateway_code": 2005, "response_content_type": null }),
        ),
        case(
            "broken",
            CHAT,
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
              8\r\ndata: 1\n\r\n",
            json!({ "outcome": "broken", "status_code": 200, "success": false, "stream": true,
                "failure": "reset", "terminal": null, "metering": "partial", "response_size": 8 }),
        ),
        Case {
            client_leaves: true,
            ..case(
                "cancelled",
                CHAT,
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                  8\r\ndata: 1\n\r\n",
                json!({ "outcome": "cancelled", "status_code": 200, "success": false, "failure": null,
                    "metering": "partial", "response_size": 8 }),
            )
        },
    ]
}

#[tokio::test]
async fn each_ending_writes_one_line() {
    let directory = Directory::new();
    let mut upstream = RawUpstream::start().await;
    let log = directory.hook();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    let mut ids = Vec::new();
    for case in cases() {
        let mut client = scene.gateway.connect().await;
        client.send(request(case.line, &[JSON], br#"{"model":"grok-4"}"#)).await;
        let mut wire = None;
        if !case.answer.is_empty() {
            let mut accepted = upstream.accept().await;
            accepted.read_message().await;
            accepted.send(case.answer).await;
            wire = Some(accepted).filter(|_| case.client_leaves);
        }
        let head = client.read_head().await;
        if case.client_leaves {
            client.read_chunk().await;
        } else {
            client.read_content(&head).await;
        }
        drop(client);
        scene.ended().await;
        drop(wire);
        ids.push(head.get("cf-aig-log-id").unwrap().to_owned());
    }
    scene.settle();
    let lines = lines(directory.log());
    let logged: Vec<_> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(logged, ids, "a line for each, under the id that the client got");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for (case, line) in cases().iter().zip(&lines) {
        for (name, expected) in case.expected.as_object().unwrap() {
            assert_eq!(&line[name], expected, "{}: {name} in {line}", case.name);
        }
        assert_eq!(line["request_head"], Value::Null);
    }
}
