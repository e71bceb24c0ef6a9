//! The meter's throughput: streams of 1 MiB in events of 100 bytes.
//!
//! `cargo bench --bench scan`. Frames have the size of a client's read buffer, or one event each.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tower_ai_gateway::Operation;
use tower_ai_gateway::internals::{Format, Meter};

const MIB: usize = 1 << 20;

/// An event of 100 bytes that ends with `last`.
fn event(last: &str) -> String {
    let head = "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"";
    let tail = format!("\"}}}}]{last}}}\n\n");
    let text = "tokens of text and then some more, as long as it takes";
    let event = format!("{head}{}{tail}", &text[..100 - head.len() - tail.len()]);
    assert_eq!(event.len(), 100);
    event
}

fn scan(c: &mut Criterion) {
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Bytes(MIB as u64));
    for (name, last) in [("no usage", ""), ("usage null", ",\"usage\":null")] {
        let stream = event(last).repeat(MIB / 100 + 1);
        for frame in [100, 16 * 1024, MIB] {
            group.bench_function(BenchmarkId::new(name, frame), |bencher| {
                bencher.iter(|| {
                    let mut meter = Meter::new(Format::Sse, Operation::Chat, Meter::LIMIT);
                    for frame in stream.as_bytes()[..MIB].chunks(frame) {
                        meter.push(black_box(frame));
                    }
                    meter.finish();
                    black_box(meter.content_events())
                });
            });
        }
    }
    group.finish();
}

/// A JSON body of 1 KiB, including creating and dropping its meter.
fn body(c: &mut Criterion) {
    let text = "x".repeat(700);
    let body = format!(
        r#"{{"id":"1","object":"chat.completion","created":1,"model":"grok-4.3","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":32,"completion_tokens":9,"total_tokens":41,"prompt_tokens_details":{{"cached_tokens":6}}}}}}"#
    );
    let mut group = c.benchmark_group("body");
    group.bench_function(BenchmarkId::new("chat", body.len()), |bencher| {
        bencher.iter(|| {
            let mut meter = Meter::new(Format::Json, Operation::Chat, Meter::LIMIT);
            meter.push(black_box(body.as_bytes()));
            meter.finish();
            black_box(meter.usage())
        });
    });
    group.finish();
}

criterion_group!(benches, scan, body);
criterion_main!(benches);
