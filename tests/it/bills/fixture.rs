//! An answer of a provider, and the expected end event.

use bytes::Bytes;
use serde_json::Value;

pub const JSON: &str = "application/json";
pub const SSE: &str = "text/event-stream";
pub const NDJSON: &str = "application/x-ndjson";
pub const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// The expected billing of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    pub operation: String,
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cache_read: u64,
    pub cache_write: u64,
    pub cache_write_long: u64,
    pub reasoning: u64,
    /// Units other than tokens, by name.
    pub units: Vec<(&'static str, u64)>,
    /// The charge that the provider reports.
    pub ticks: Option<u64>,
    pub model: Option<String>,
    pub error: Option<String>,
    pub is_success: bool,
    pub is_inconsistent: bool,
}

#[derive(Clone, Debug)]
pub struct Fixture {
    pub name: &'static str,
    pub provider: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    pub kind: &'static str,
    pub body: Bytes,
    pub booked: Booked,
}

impl Fixture {
    fn new(
        name: &'static str,
        provider: &'static str,
        path: &'static str,
        kind: &'static str,
        body: Vec<u8>,
    ) -> Self {
        let booked = Booked { is_success: true, ..Booked::default() };
        Self { name, provider, method: "POST", path, kind, body: body.into(), booked }
    }

    pub fn json(
        name: &'static str,
        provider: &'static str,
        path: &'static str,
        body: &Value,
    ) -> Self {
        Self::new(name, provider, path, JSON, body.to_string().into_bytes())
    }

    /// A stream of events without names. A string is raw data.
    pub fn sse(
        name: &'static str,
        provider: &'static str,
        path: &'static str,
        events: &[Value],
    ) -> Self {
        let text: String =
            events.iter().map(|event| format!("data: {}\n\n", shown(event))).collect();
        Self::new(name, provider, path, SSE, text.into_bytes())
    }

    /// A stream of events with their `type` as name.
    pub fn typed(
        name: &'static str,
        provider: &'static str,
        path: &'static str,
        events: &[Value],
    ) -> Self {
        let event = |event: &Value| {
            format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
        };
        let text: String = events.iter().map(event).collect();
        Self::new(name, provider, path, SSE, text.into_bytes())
    }

    pub fn raw(
        name: &'static str,
        provider: &'static str,
        path: &'static str,
        kind: &'static str,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self::new(name, provider, path, kind, body.into())
    }

    pub fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub fn operation(mut self, operation: &str) -> Self {
        self.booked.operation = operation.to_owned();
        self
    }

    pub fn model(mut self, model: &str) -> Self {
        self.booked.model = Some(model.to_owned());
        self
    }

    pub fn tokens(mut self, input: u64, output: u64) -> Self {
        self.booked.input = Some(input);
        self.booked.output = Some(output);
        self
    }

    /// Usage without output.
    pub fn input(mut self, input: u64) -> Self {
        self.booked.input = Some(input);
        self
    }

    pub fn cached(mut self, read: u64, write: u64, long: u64) -> Self {
        self.booked.cache_read = read;
        self.booked.cache_write = write;
        self.booked.cache_write_long = long;
        self
    }

    pub fn reasoning(mut self, reasoning: u64) -> Self {
        self.booked.reasoning = reasoning;
        self
    }

    pub fn unit(mut self, name: &'static str, count: u64) -> Self {
        self.booked.units.push((name, count));
        self
    }

    pub fn ticks(mut self, ticks: u64) -> Self {
        self.booked.ticks = Some(ticks);
        self
    }

    /// An error in a body with status 200.
    pub fn failed(mut self, code: &str) -> Self {
        self.booked.error = Some(code.to_owned());
        self.booked.is_success = false;
        self
    }

    /// Not a success, although no error is reported.
    pub fn unfinished(mut self) -> Self {
        self.booked.is_success = false;
        self
    }
}

fn shown(event: &Value) -> String {
    event.as_str().map_or_else(|| event.to_string(), str::to_owned)
}

/// A frame of an AWS event stream: lengths, headers of type string, payload, checksums.
pub fn frame(headers: &[(&str, &str)], payload: &Value) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(name.len() as u8);
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        block.extend_from_slice(&(value.len() as u16).to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    let payload = payload.to_string();
    let total = 16 + block.len() + payload.len();
    let mut frame = (total as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(&(block.len() as u32).to_be_bytes());
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    frame.extend_from_slice(&block);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    frame
}

/// The frame of an event of this type.
pub fn event(kind: &str, payload: &Value) -> Vec<u8> {
    let headers =
        [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    frame(&headers, payload)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
