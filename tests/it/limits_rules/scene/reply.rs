//! What the scripted provider answers.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tower::BoxError;

/// What the provider does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    Json(u16, String),
    /// Events of a stream, then its end.
    Stream(Vec<String>, Finish),
    /// JSON that breaks off.
    Broken(String),
    Fails(io::ErrorKind),
    /// No head arrives.
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Ends,
    Breaks,
    GoesOn,
}

impl Reply {
    /// A whole answer with this many tokens.
    pub fn used(input: u64, output: u64) -> Self {
        Self::Json(
            200,
            format!(
                r#"{{"object":"chat.completion","model":"grok-4.5","choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}}}"#,
                input + output
            ),
        )
    }

    pub fn status(status: u16) -> Self {
        Self::Json(status, r#"{"error":{"message":"no"}}"#.to_owned())
    }

    /// The status of its head.
    pub fn head(&self) -> u16 {
        match self {
            Self::Json(status, _) => *status,
            _ => 200,
        }
    }

    /// A stream of this many events with content.
    pub fn stream(events: usize, usage: Option<(u64, u64)>, finish: Finish) -> Self {
        let content = r#"data: {"object":"chat.completion.chunk","model":"grok-4.5","choices":[{"index":0,"delta":{"content":"hello"}}]}"#;
        let mut all: Vec<_> = (0..events).map(|_| format!("{content}\n\n")).collect();
        if let Some((input, output)) = usage {
            all.push(format!(
                "data: {{\"object\":\"chat.completion.chunk\",\"model\":\"grok-4\",\"choices\":[],\"usage\":{{\"prompt_tokens\":{input},\"completion_tokens\":{output},\"total_tokens\":{}}}}}\n\n",
                input + output
            ));
        }
        if finish == Finish::Ends {
            all.push("data: [DONE]\n\n".to_owned());
        }
        Self::Stream(all, finish)
    }
}

/// The frames of a body, and how it ends.
pub(super) struct Script(pub(super) VecDeque<Bytes>, pub(super) Finish);

impl Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match (self.0.pop_front(), self.1) {
            (Some(data), _) => Poll::Ready(Some(Ok(Frame::data(data)))),
            (None, Finish::Ends) => Poll::Ready(None),
            (None, Finish::Breaks) => {
                self.1 = Finish::Ends;
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset).into())))
            }
            (None, Finish::GoesOn) => Poll::Pending,
        }
    }
}
