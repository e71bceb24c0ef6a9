//! Compressed responses, which are stored only with the end of their coding.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use tower_ai_gateway::control::cache::NotStored;

use super::*;

type Encoder = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Each is flushed before its end, so that all of the text comes before the last bytes.
const ENCODERS: [Encoder; 6] = [
    ("gzip", |text| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        write(&mut encoder, text);
        encoder.finish().unwrap()
    }),
    ("deflate", |text| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        write(&mut encoder, text);
        encoder.finish().unwrap()
    }),
    ("deflate", |text| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        write(&mut encoder, text);
        encoder.finish().unwrap()
    }),
    ("br", |text| {
        let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
        write(&mut encoder, text);
        encoder.into_inner()
    }),
    ("zstd", |text| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        write(&mut encoder, text);
        encoder.finish().unwrap()
    }),
    ("zstd", |text| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        write(&mut encoder, text);
        encoder.finish().unwrap()
    }),
];

fn write(encoder: &mut impl Write, text: &[u8]) {
    encoder.write_all(text).unwrap();
    encoder.flush().unwrap();
}

/// Strict clients reject a response without the last bytes of its coding.
#[tokio::test]
async fn a_compressed_response_is_stored_only_with_its_last_byte() {
    let events = [event("a"), DONE.to_owned()].concat();
    for (kind, text) in [("application/json", TEXT), ("text/event-stream", &events)] {
        for (at, (coding, encode)) in ENCODERS.into_iter().enumerate() {
            let encoded = encode(text.as_bytes());
            for missing in 0..=8 {
                let stage = Stage::new();
                let response = stage.spawn(ask(QUESTION));
                let headers = [("content-type", kind), ("content-encoding", coding)];
                let feed = stage.asked().await.answer(200, &headers);
                let sent = &encoded[..encoded.len() - missing];
                feed.send(sent.to_vec());
                drop(feed);
                let answer = response.await.unwrap();
                let got = guard("the body", answer.into_body().collect()).await.unwrap();
                assert_eq!(got.to_bytes(), sent, "nothing is changed");
                let expected = match missing {
                    0 => vec![],
                    _ => vec![(NotStored::Incomplete, 1)],
                };
                assert_eq!(stage.cache.stats().not_stored, expected, "{kind} {at} {missing}");
                assert_eq!(is_kept(&stage).await, missing == 0, "{kind} {coding} {missing}");
                stage.finish().await;
            }
        }
    }
}

/// A URL is valid for minutes, and an entry for hours.
#[tokio::test]
async fn an_image_is_stored_but_not_a_link_to_one() {
    let address = r#"{"data":[{"url":"https://images.test/a.png"}]}"#;
    let image = r#"{"data":[{"b64_json":"aGVsbG8="}]}"#;
    for (path, answer, is_address) in [
        ("images/generations", address, true),
        ("images/edits", address, true),
        ("audio/speech", address, true),
        ("images/generations", image, false),
        // A URL within a text is not a link to the result.
        ("chat/completions", r#"{"choices":[{"message":{"content":"https://a"}}]}"#, false),
    ] {
        for coding in [None, Some(ENCODERS[0])] {
            let stage = Stage::new();
            let ask = || {
                let mut request = ask(QUESTION);
                *request.uri_mut() = CHAT.replace("chat/completions", path).parse().unwrap();
                request
            };
            for expected in ["MISS", if is_address { "MISS" } else { "HIT" }] {
                let response = stage.spawn(ask());
                if expected == "MISS" {
                    let json = ("content-type", "application/json");
                    let (headers, body) = match coding {
                        None => (vec![json], answer.as_bytes().to_vec()),
                        Some((coding, encode)) => {
                            (vec![json, ("content-encoding", coding)], encode(answer.as_bytes()))
                        }
                    };
                    let feed = stage.asked().await.answer(200, &headers);
                    body.chunks(20).for_each(|part| feed.send(part.to_vec()));
                }
                let response = response.await.unwrap();
                assert_eq!(status(&response), expected, "{path} {answer}");
                guard("the body", response.into_body().collect()).await.unwrap();
            }
            let expected = if is_address { vec![(NotStored::Deferred, 2)] } else { vec![] };
            assert_eq!(stage.cache.stats().not_stored, expected, "{path} {answer}");
            stage.finish().await;
        }
    }
}
