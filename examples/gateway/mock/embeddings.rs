//! `POST /v1/embeddings`

use axum::{body::Bytes, response::Response};
use serde_json::{Value, json};

use super::{ask::Ask, failure::Failure, models, reply, usage::tokens};

const DIMENSIONS: u64 = 64;
const MAX_DIMENSIONS: u64 = 4096;

pub(super) async fn create(body: Bytes) -> Result<Response, Failure> {
    let ask = Ask::read(&body, &["model", "input"])?;
    let model = ask.text("model");
    models::check(&model)?;

    let dimensions = ask.get("dimensions").as_u64().unwrap_or(DIMENSIONS);
    let dimensions = dimensions.clamp(1, MAX_DIMENSIONS);
    let encode = match ask.get("encoding_format").as_str() {
        Some("base64") => encoded,
        _ => numbers,
    };
    let inputs = match ask.get("input") {
        Value::Array(inputs) => inputs.as_slice(),
        one => std::slice::from_ref(one),
    };
    let data: Vec<_> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let embedding = encode(&embed(&input.to_string(), dimensions));
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();

    let tokens = tokens(&ask.text("input")).max(1);
    Ok(reply::json(&json!({
        "object": "list",
        "model": model,
        "data": data,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })))
}

/// A unit vector that depends only on the text: equal for equal texts, but not near for similar
/// meanings.
fn embed(text: &str, dimensions: u64) -> Vec<f32> {
    // FNV-1a over the text, then over the index of each coordinate.
    let hash = |seed: u64, bytes: &[u8]| {
        bytes
            .iter()
            .fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let seed = hash(0xcbf2_9ce4_8422_2325, text.as_bytes());
    let raw: Vec<f32> = (0..dimensions)
        .map(|index| (hash(seed, &index.to_le_bytes()) >> 40) as f32 / (1 << 23) as f32 - 1.0)
        .collect();
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::EPSILON);
    raw.iter().map(|x| x / length).collect()
}

fn numbers(vector: &[f32]) -> Value {
    json!(vector)
}

fn encoded(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    base64(&bytes).into()
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for sextet in 0..4 {
            text.push(if sextet <= chunk.len() {
                char::from(ALPHABET[(bits >> (18 - 6 * sextet) & 63) as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standard_one() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn a_vector_has_length_one_and_stays_the_same() {
        let vector = embed("hello", 64);
        assert_eq!(vector, embed("hello", 64));
        assert_ne!(vector, embed("hullo", 64));
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
    }
}
