//! The cost of redaction: texts of 64 KiB without credentials, and records of exchanges.
//!
//! `cargo bench --bench redact --features log-sqlite`.
//!
//! `redact count {none|lines|sqlite} {bare|bodies} N` only sends N exchanges through a gateway that
//! logs all of them, for tools that measure a whole process: the cost of a log is the difference from
//! `none`.
#![allow(missing_docs, clippy::unwrap_used)]

mod exchange;
mod frames;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use exchange::{Client, chat, request};
use tower::Layer;
use tower_ai_gateway::hook::redacted;
use tower_ai_gateway::log::{JsonLines, LogHook, LogHookBuilder, LogStore};
use tower_ai_gateway::{GatewayLayer, Provider};

const LENGTH: usize = 64 * 1024;
const PATH: &str = "/v1/acct/gw/grok/v1/chat/completions";
/// Less than the capacity of a log's queue, so that no record is dropped.
const BATCH: u64 = 4096;

/// The repeated part of a body.
const TEXTS: [(&str, &str); 5] = [
    (
        "prose in JSON",
        "The quick brown fox said \\\"hello\\\" and jumped over the lazy dog, of which we have \
         spoken: see chapter 7 of the report (2024), where supply and demand are on page 12.\\n",
    ),
    (
        "messages",
        r#"{"role":"user","content":"What does this function do? Please be brief, and answer in one paragraph."},{"role":"assistant","content":"It adds two numbers.\n\nThe first is `a`."},"#,
    ),
    (
        "events",
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\
         \"grok-4.3\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"}}]}\n\n",
    ),
    (
        "calls of tools",
        r#"{"type":"function","function":{"name":"search","arguments":"{\"query\":\"rust\",\"limit\":10,\"sort\":\"date\"}"}},"#,
    ),
    ("escapes of other scripts", r"\u043f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! "),
];

fn texts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nothing to hide");
    group.throughput(Throughput::Bytes(LENGTH as u64));
    group.measurement_time(Duration::from_secs(2));
    for (name, part) in TEXTS {
        let mut text = part.repeat(LENGTH / part.len() + 1);
        text.truncate(LENGTH);
        group.bench_function(name, |bencher| bencher.iter(|| redacted(black_box(&text)).len()));
    }
    group.finish();
    let mut group = criterion.benchmark_group("short");
    for text in ["grok-4.3", "OpenAI/JS 6.49.0", PATH, "application/json; charset=utf-8"] {
        group.bench_function(text, |bencher| bencher.iter(|| redacted(black_box(text)).len()));
    }
    group.finish();
}

fn log(kind: &str, directory: &tempfile::TempDir) -> LogHookBuilder {
    match kind {
        "none" => LogHook::builder(JsonLines::new(std::io::sink())).collect_by_default(false),
        "lines" => LogHook::builder(JsonLines::new(std::io::sink())),
        "sqlite" => {
            LogHook::builder(LogStore::open(directory.path().join("log.db")).unwrap().sink())
        }
        _ => panic!("no such log: {kind}"),
    }
}

/// Only sends the exchanges that the arguments specify.
fn count(kind: &str, bodies: &str, exchanges: u64) {
    let directory = tempfile::tempdir().unwrap();
    let log = log(kind, &directory).payloads(bodies == "bodies").build().unwrap();
    let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(log.clone());
    let mut service = layer.build().unwrap().client_layer().layer(Client::json());
    let body = chat(16 * 1024, true);
    let mut left = exchanges;
    while left > 0 {
        let batch = left.min(if bodies == "bodies" { BATCH / 4 } else { BATCH });
        for _ in 0..batch {
            exchange::exchange(&mut service, request(PATH, &body));
        }
        let report = log.flush(Duration::from_secs(60));
        assert!(report.is_complete(), "{report}");
        left -= batch;
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, kind, bodies, exchanges, ..] = &arguments[..]
        && mode == "count"
    {
        return count(kind, bodies, exchanges.parse().unwrap());
    }
    let mut criterion = Criterion::default().configure_from_args();
    texts(&mut criterion);
    criterion.final_summary();
}
