//! What the provider does with a call. No two of its responses are equal.

use std::fmt::Write;

use bytes::Bytes;
use fastrand::Rng;

use super::super::{Asked, DONE, EVENTS, JSON};
use super::yields;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A complete response.
    Whole,
    /// The connection is reset before the response.
    Reset,
    /// The connection is reset within the response …
    Broken,
    /// … or the response ends there, as if it were complete.
    Cut,
    /// An error with a status of success.
    Error,
    Refused(u16),
}

#[derive(Clone, Debug)]
pub struct Script {
    pub deed: Deed,
    /// The head is so late that clients may have given up.
    pub is_slow: bool,
    /// The whole body that is sent.
    pub body: Bytes,
    frames: Vec<Bytes>,
    /// The declared length.
    declared: Option<usize>,
    pause: usize,
}

impl Script {
    /// `number`: that of the call.
    pub fn new(number: usize, is_stream: bool, may_be_slow: bool, random: &mut Rng) -> Self {
        let deed = match random.u8(..100) {
            0..60 => Deed::Whole,
            60..66 => Deed::Reset,
            66..73 => Deed::Broken,
            73..82 => Deed::Cut,
            82..88 => Deed::Error,
            _ => Deed::Refused(super::any(random, &[500, 503, 529, 429, 400, 404])),
        };
        let mut body = match deed {
            Deed::Refused(_) => error(number),
            _ if is_stream => stream(number, deed == Deed::Error, random),
            Deed::Error => error(number),
            _ => json(number, random),
        };
        let declared = (!is_stream && random.bool()).then_some(body.len());
        if matches!(deed, Deed::Broken | Deed::Cut) {
            // Without its marker, or without the end of the JSON.
            let end = if is_stream { body.len() - DONE.len() } else { body.len() - 1 };
            body.truncate(random.usize(1..=end));
        }
        let body = Bytes::from(body);
        let (mut frames, mut rest) = (Vec::new(), body.clone());
        while !rest.is_empty() {
            let most = if random.bool() { 60 } else { 6000 };
            frames.push(rest.split_to(random.usize(1..=most.min(rest.len()))));
        }
        Self {
            deed,
            is_slow: may_be_slow && random.u8(..8) == 0,
            body,
            frames,
            declared,
            pause: random.usize(..4),
        }
    }

    /// Whether the response may be stored.
    pub fn is_good(&self) -> bool {
        self.deed == Deed::Whole
    }

    /// Whether the provider fails, so that a stale entry may be served.
    pub fn is_failure(&self) -> bool {
        match self.deed {
            Deed::Reset => true,
            Deed::Refused(status) => status == 429 || status >= 500,
            Deed::Whole | Deed::Broken | Deed::Cut | Deed::Error => false,
        }
    }

    pub fn status(&self) -> u16 {
        if let Deed::Refused(status) = self.deed { status } else { 200 }
    }

    pub async fn play(self, number: usize, is_stream: bool, asked: Asked) {
        if self.is_slow {
            tokio::time::sleep(SLOW).await;
        }
        yields(self.pause).await;
        if self.deed == Deed::Reset {
            return asked.fail();
        }
        let number = number.to_string();
        let declared = self.declared.map(|length| length.to_string());
        let is_stream = is_stream && self.status() == 200;
        let mut headers = if is_stream { EVENTS.to_vec() } else { JSON.to_vec() };
        headers.push((CALL, &number));
        if let Some(length) = &declared {
            headers.push(("content-length", length));
        }
        let feed = asked.answer(self.status(), &headers);
        for frame in self.frames {
            yields(self.pause).await;
            feed.send(frame);
        }
        if self.deed == Deed::Broken {
            yields(self.pause).await;
            feed.reset();
        }
    }
}

/// The header with the number of the call.
pub const CALL: &str = "x-call";

/// The delay of a slow head: longer than the head timeout of impatient clients.
const SLOW: std::time::Duration = std::time::Duration::from_secs(20);

fn json(number: usize, random: &mut Rng) -> String {
    let text = filler(random);
    format!("{{\"id\":{number},\"choices\":[{{\"message\":{{\"content\":\"{text}\"}}}}]}}")
}

fn error(number: usize) -> String {
    format!("{{\"error\":{{\"message\":\"{number}\"}}}}")
}

fn stream(number: usize, has_error: bool, random: &mut Rng) -> String {
    let mut text = String::new();
    for at in 0..random.usize(1..8) {
        let content = format!("{number}.{at} {}", filler(random));
        text.push_str(&super::super::event(&content));
    }
    if has_error {
        let _ = write!(text, "data: {}\n\n", error(number));
    }
    text + DONE
}

/// Mostly short; at times more than one frame.
fn filler(random: &mut Rng) -> String {
    let most = if random.u8(..10) == 0 { 9000 } else { 40 };
    "x".repeat(random.usize(..most))
}
