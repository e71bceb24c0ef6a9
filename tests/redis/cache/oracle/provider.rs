//! What the provider does with a call. No two of its responses are equal.

use fastrand::Rng;
use http::Response;
use http_body_util::BodyExt;

use crate::cache::Duration;
use crate::cache::gateways::Body;
use crate::gateway::AnswerBody;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Deed {
    /// A complete stream.
    Whole,
    /// The connection is reset within the stream.
    Broken,
    /// A stream with an error and an end.
    Error,
    /// An error before the stream.
    Refused,
}

#[derive(Clone)]
pub(super) struct Script {
    pub(super) deed: Deed,
    pub(super) status: u16,
    frames: Vec<String>,
    /// Milliseconds before the head, and between frames.
    pauses: (u64, u64),
}

impl Script {
    /// `number`: that of the call.
    pub(super) fn new(number: usize, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed ^ (number as u64) << 32);
        let deed = match random.u8(..20) {
            0..10 => Deed::Whole,
            10..13 => Deed::Broken,
            13..17 => Deed::Error,
            _ => Deed::Refused,
        };
        let pauses = (random.u64(..30), random.u64(..6));
        if deed == Deed::Refused {
            let frames = vec![format!("{{\"error\":{{\"message\":\"{number}\"}}}}")];
            return Self { deed, status: 400, frames, pauses };
        }
        // Some responses are longer than a value in Redis may be.
        let longest = if random.u8(..8) == 0 { 200_000 } else { 2_000 };
        let event = |at| {
            let text = "x".repeat(random.usize(..longest));
            format!(
                "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{number} {at} {text}\"}}}}]}}\n\n"
            )
        };
        let mut frames: Vec<_> = (0..8).map(event).collect();
        if deed == Deed::Error {
            frames.push("data: {\"error\":{\"message\":\"no\"}}\n\n".to_owned());
        }
        if deed != Deed::Broken {
            frames.push("data: [DONE]\n\n".to_owned());
        }
        Self { deed, status: 200, frames, pauses }
    }

    pub(super) fn body(&self) -> String {
        self.frames.concat()
    }

    pub(super) async fn play(self) -> Response<AnswerBody> {
        let Self { deed, status, frames, pauses: (head, between) } = self;
        tokio::time::sleep(Duration::from_millis(head)).await;
        let (mut sender, body) = Body::new(1);
        tokio::spawn(async move {
            for frame in frames {
                if sender.send_data(frame.into()).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(between)).await;
            }
            if deed == Deed::Broken {
                sender.abort("reset".into());
            }
        });
        let kind = if deed == Deed::Refused { "application/json" } else { "text/event-stream" };
        let response = Response::builder().status(status).header("content-type", kind);
        response.body(body.boxed_unsync()).unwrap()
    }
}
