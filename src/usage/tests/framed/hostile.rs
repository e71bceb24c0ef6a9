//! Streams that would fill the memory.

use super::wire::{base64, event, header};
use super::*;
use crate::usage::frame;

#[test]
fn hostile_streams_stay_bounded() {
    let mib = 1 << 20;
    let deep = "[".repeat(mib);
    let long = "x".repeat(mib);
    let usage = |json: &str| json.replace("LONG", &long).replace("DEEP", &deep).into_bytes();
    let many = "{\"a\":1},".repeat(mib / 8);
    let wrapped = base64(&format!("{{\"a\":\"{long}\",\"usage\":{{\"input_tokens\":4}}}}"));
    let wrapped = format!("{{\"p\":\"{long}\",\"bytes\":\"{wrapped}\",\"q\":\"{long}\"}}");
    for (format, body) in [
        (Format::Json, [b"[", many.as_bytes()].concat()),
        (Format::Json, usage("[DEEP")),
        (Format::Json, usage("[{\"a\":DEEP")),
        (Format::Json, usage("[\"LONG\",{\"LONG\":\"LONG\",\"model\":\"LONG\"}")),
        (Format::JsonLines, usage("{\"a\":\"LONG\",\"LONG\":1,\"b\":DEEP\n{\"done\":1}\nLONG")),
        (Format::JsonLines, vec![b'\n'; mib]),
        (Format::AmazonEventStream, event("chunk", &wrapped)),
        (Format::AmazonEventStream, [event("metadata", &long), event("x", &deep)].concat()),
        (Format::AmazonEventStream, frame(&header(":event-type", &"k".repeat(4000)), b"{}")),
    ] {
        for size in [7, 1000, usize::MAX] {
            let mut meter = Meter::new(format, Shape::Other, Meter::LIMIT);
            let memory = allocation_counter::measure(|| {
                body.chunks(size).for_each(|chunk| meter.push(chunk));
                meter.finish();
            });
            assert_eq!(meter.problem(), None);
            assert!(memory.bytes_max < 16 * 1024, "{}", memory.bytes_max);
        }
    }
    let usage = format!("{{\"usage\":{{\"a\":\"{}\"}}}}", "x".repeat(Meter::LIMIT));
    for (format, body) in [
        (Format::Json, format!("[{usage}]").into_bytes()),
        (Format::JsonLines, format!("{usage}\n").into_bytes()),
        (Format::AmazonEventStream, event("metadata", &usage)),
    ] {
        let reading = read(format, Shape::Other, &body, 1000);
        assert_eq!(reading.problem, Some(Problem::Overflow));
    }
    let headers = vec![0; 5000];
    let reading = read(Format::AmazonEventStream, Shape::Other, &frame(&headers, b""), 100);
    assert_eq!(reading.problem, Some(Problem::Malformed));
}
