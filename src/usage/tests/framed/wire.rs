//! Writes documents in each framing.

use serde_json::{Value, json};

use super::*;
use crate::usage::frame;

/// The framing of a stream's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Body,
    Sse,
    Array,
    Lines,
    Frames,
    /// Frames with the document in base64.
    Chunks,
}

impl Wire {
    pub(super) fn format(self) -> Format {
        match self {
            Self::Body | Self::Array => Format::Json,
            Self::Sse => Format::Sse,
            Self::Lines => Format::JsonLines,
            Self::Frames | Self::Chunks => Format::AmazonEventStream,
        }
    }

    /// Encodes each document with the type of its event.
    pub(super) fn write(self, documents: &[(&str, Value)]) -> Vec<u8> {
        let text = |(kind, document): &(&str, Value)| match self {
            Self::Body => format!("\n\n {document}\n").into_bytes(),
            Self::Sse => format!("data: {document}\n\n").into_bytes(),
            Self::Lines => format!("{document}\n").into_bytes(),
            Self::Array => document.to_string().into_bytes(),
            Self::Frames => event(kind, &document.to_string()),
            Self::Chunks => event(
                "chunk",
                &json!({"bytes": base64(&document.to_string()), "p": "abc"}).to_string(),
            ),
        };
        let documents: Vec<Vec<u8>> = documents.iter().map(text).collect();
        match self {
            Self::Array => [b"[", &documents.join(&b"\n,\r\n"[..])[..], b"]\n"].concat(),
            _ => documents.concat(),
        }
    }
}

pub(super) fn header(name: &str, value: &str) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[name.len() as u8], name.as_bytes(), &[7], &length, value.as_bytes()].concat()
}

pub(super) fn event(kind: &str, payload: &str) -> Vec<u8> {
    let headers = [
        header(":event-type", kind),
        header(":content-type", "application/json"),
        header(":message-type", "event"),
    ];
    frame(&headers.concat(), payload.as_bytes())
}

pub(super) fn exception(kind: &str, payload: &str) -> Vec<u8> {
    let headers = [header(":exception-type", kind), header(":message-type", "exception")];
    frame(&headers.concat(), payload.as_bytes())
}

pub(super) fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(*group.get(at).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for letter in 0..4 {
            match letter <= group.len() {
                true => out.push(LETTERS[(bits >> (18 - 6 * letter)) as usize & 63].into()),
                false => out.push('='),
            }
        }
    }
    out
}

/// Reads the documents in chunks of all small sizes.
pub(super) fn wire(wire: Wire, shape: Shape, documents: &[(&str, Value)]) -> Reading {
    read_any(wire.format(), shape, &wire.write(documents))
}

pub(super) fn untyped(documents: &[Value]) -> Vec<(&'static str, Value)> {
    documents.iter().map(|document| ("", document.clone())).collect()
}
