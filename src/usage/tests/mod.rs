//! Usage and costs, as they are read from answers.

mod costs;
mod differential;
mod errors;
mod framed;
mod generate;
mod google;
mod hostile;
mod messages;
mod others;
mod reference;
mod shapes;

use super::{Format, Meter, Problem, ProviderError, Shape, Terminal, Usage, UsagePart};
use crate::util::operation::Operation;

/// Everything that a meter returns.
#[derive(Clone, Debug, Default, PartialEq)]
struct Reading {
    usage: Option<Usage>,
    parts: Vec<UsagePart>,
    model: Option<String>,
    service_tier: Option<String>,
    region: Option<String>,
    speed: Option<String>,
    id: Option<String>,
    is_background: bool,
    is_pending: bool,
    terminal: Option<Terminal>,
    has_content: bool,
    content_events: u64,
    error: Option<ProviderError>,
    problem: Option<Problem>,
}

impl Reading {
    fn of(meter: &Meter) -> Self {
        Self {
            usage: meter.usage(),
            parts: meter.parts().to_vec(),
            model: meter.model().map(str::to_owned),
            service_tier: meter.service_tier().map(str::to_owned),
            region: meter.region().map(str::to_owned),
            speed: meter.speed().map(str::to_owned),
            id: meter.state().0.map(str::to_owned),
            is_background: meter.state().1,
            is_pending: meter.state().2,
            terminal: meter.terminal(),
            has_content: meter.has_content(),
            content_events: meter.content_events(),
            error: meter.error().cloned(),
            problem: meter.problem(),
        }
    }

    fn error_code(&self) -> Option<&str> {
        self.error.as_ref()?.code.as_deref()
    }
}

/// Reads `body` in frames of `frame` bytes, with empty ones between them.
fn read(format: Format, shape: impl Into<Shape>, body: &[u8], frame: usize) -> Reading {
    let mut meter = Meter::new(format, shape, Meter::LIMIT);
    for frame in body.chunks(frame) {
        meter.push(frame);
        meter.push(b"");
    }
    meter.finish();
    Reading::of(&meter)
}

/// Reads `body` whole and in frames of each small size. The results must be equal.
fn read_any(format: Format, shape: impl Into<Shape>, body: &[u8]) -> Reading {
    let shape = shape.into();
    let whole = read(format, shape, body, body.len().max(1));
    for frame in (1..=64.min(body.len())).chain([100, 1000]) {
        assert_eq!(read(format, shape, body, frame), whole, "frames of {frame}");
    }
    whole
}

fn json(shape: impl Into<Shape>, body: &str) -> Reading {
    read_any(Format::Json, shape, body.as_bytes())
}

/// Reads a stream with each kind of line end. The results must be equal.
fn sse(shape: impl Into<Shape>, body: &str) -> Reading {
    let shape = shape.into();
    let reading = read_any(Format::Sse, shape, body.as_bytes());
    for end in ["\r\n", "\r"] {
        let other = read_any(Format::Sse, shape, body.replace('\n', end).as_bytes());
        assert_eq!(other, reading, "{end:?}");
    }
    reading
}

fn data(events: &[&str]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

fn tokens(reading: &Reading) -> (Option<u64>, Option<u64>) {
    let usage = reading.usage.unwrap();
    assert!(!usage.inconsistent);
    (usage.input(), usage.output())
}

const DELTA: &str =
    r#"{"object":"chat.completion.chunk","model":"m","choices":[{"delta":{"content":"hi"}}]}"#;
