//! Meters give the same result however their input is split.

use super::chunks;
use crate::usage::{Format, Meter, Shape};

/// Every split gives the same result.
pub fn sse_meter(data: &[u8]) {
    meter(Format::Sse, data);
}

/// Every split gives the same result.
pub fn json_meter(data: &[u8]) {
    meter(Format::Json, data);
}

/// Every split gives the same result.
pub fn json_lines_meter(data: &[u8]) {
    meter(Format::JsonLines, data);
}

/// Every split gives the same result.
pub fn array_meter(data: &[u8]) {
    let [choice, seed, elements @ ..] = data else { return };
    meter(Format::Json, &[&[*choice, *seed, b'['], elements].concat());
}

/// Every split gives the same result.
pub fn frames_meter(data: &[u8]) {
    meter(Format::AmazonEventStream, data);
}

/// The same with valid lengths and checksums: the rest of `data` is one payload per line, whose
/// first byte chooses the type of the event.
pub fn payloads_meter(data: &[u8]) {
    let [choice, seed, payloads @ ..] = data else { return };
    let frames = payloads.split(|byte| *byte == b'\n').filter_map(|payload| {
        let (kind, payload) = payload.split_first()?;
        Some(crate::usage::frame(&headers_of_frame(*kind), payload))
    });
    let frames: Vec<u8> = frames.flatten().collect();
    meter(Format::AmazonEventStream, &[&[*choice, *seed], &frames[..]].concat());
}

fn headers_of_frame(kind: u8) -> Vec<u8> {
    const EVENTS: [&str; 7] = [
        "chunk",
        "chunk",
        "messageStart",
        "contentBlockDelta",
        "messageStop",
        "metadata",
        "throttlingException",
    ];
    let event = EVENTS[usize::from(kind) % EVENTS.len()];
    let (name, message) = if event.ends_with("Exception") {
        (":exception-type", "exception")
    } else {
        (":event-type", "event")
    };
    let header = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).unwrap_or_default();
        let head = [&[length(name)], name.as_bytes(), &[7, 0, length(value)]].concat();
        [&head, value.as_bytes()].concat()
    };
    [header(name, event), header(":message-type", message)].concat()
}

fn meter(format: Format, data: &[u8]) {
    const SHAPES: [Shape; 23] = [
        Shape::Chat,
        Shape::Responses,
        Shape::Messages,
        Shape::Completions,
        Shape::Embeddings,
        Shape::Images,
        Shape::Other,
        Shape::ChatGoogle,
        Shape::ChatPerplexity,
        Shape::GenerateContent,
        Shape::Interactions,
        Shape::WorkersAi,
        Shape::Converse,
        Shape::Invoke,
        Shape::CohereV2,
        Shape::CohereV1,
        Shape::Rerank,
        Shape::Ollama,
        Shape::Transcription,
        Shape::Speech,
        Shape::Videos,
        Shape::Ocr,
        Shape::Conversations,
    ];
    let [choice, seed, body @ ..] = data else { return };
    let shape = SHAPES[usize::from(choice & 0x7f) % SHAPES.len()];
    let limit = if choice & 0x80 == 0 { Meter::LIMIT } else { 64 };
    let read = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut meter = Meter::new(format, shape, limit);
        chunks.for_each(|chunk| meter.push(chunk));
        meter.finish();
        let is_small = |text: Option<&str>| text.is_none_or(|text| text.len() <= 4096);
        assert!(is_small(meter.model()) && is_small(meter.service_tier()));
        meter
    };
    let whole = read(&mut std::iter::once(body));
    for cut in [read(&mut chunks(*seed, body)), read(&mut body.chunks(1))] {
        assert_eq!(cut.problem(), whole.problem());
        assert_eq!(cut.usage(), whole.usage());
        assert_eq!(cut.model(), whole.model());
        assert_eq!(cut.service_tier(), whole.service_tier());
        assert_eq!(cut.parts(), whole.parts());
        assert_eq!((cut.region(), cut.speed()), (whole.region(), whole.speed()));
        assert_eq!(cut.terminal(), whole.terminal());
        assert_eq!(cut.error(), whole.error());
        assert_eq!(cut.has_content(), whole.has_content());
        assert_eq!(cut.content_events(), whole.content_events());
    }
}

/// The bound holds, and without errors every split decodes to the same.
#[cfg(feature = "decompression")]
pub fn decode(data: &[u8]) {
    use crate::usage::Problem;
    use crate::usage::metering::decode::{ALLOWANCE, Decoder, RATIO};

    let [choice, seed, body @ ..] = data else { return };
    let coding = ["gzip", "deflate", "br", "zstd"][usize::from(*choice) % 4];
    let read = |mut chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = Decoder::of(coding.as_bytes()).unwrap();
        let (mut decoded, mut length) = (0, 0_u64);
        let mut hash = 0_u64;
        let result = Iterator::try_for_each(&mut chunks, |chunk| {
            length += chunk.len() as u64;
            decoder.push(chunk, |plain| {
                decoded += plain.len() as u64;
                let mix = |hash: u64, byte: &u8| hash.wrapping_mul(31).wrapping_add((*byte).into());
                hash = plain.iter().fold(hash, mix);
            })
        });
        assert!(decoded <= ALLOWANCE + RATIO * length);
        result.map(|()| (decoded, hash, decoder.is_cut()))
    };
    let whole = read(&mut std::iter::once(body));
    let cut = read(&mut chunks(*seed, body));
    if ![&whole, &cut].contains(&&Err(Problem::Overflow)) {
        assert_eq!(cut, whole);
    }
}
