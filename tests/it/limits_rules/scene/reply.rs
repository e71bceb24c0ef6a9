//! What the scripted provider answers.

use std::io;

use crate::support::scripted::{self, Step};

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
                "data: {{\"object\":\"chat.completion.chunk\",\"model\":\"grok-4.5\",\"choices\":[],\"usage\":{{\"prompt_tokens\":{input},\"completion_tokens\":{output},\"total_tokens\":{}}}}}\n\n",
                input + output
            ));
        }
        if finish == Finish::Ends {
            all.push("data: [DONE]\n\n".to_owned());
        }
        Self::Stream(all, finish)
    }
}

impl From<Reply> for scripted::Reply {
    fn from(reply: Reply) -> Self {
        let stream = |events: Vec<String>, finish| {
            let end = match finish {
                Finish::Ends => None,
                Finish::Breaks => Some(Step::Error),
                Finish::GoesOn => Some(Step::Hang),
            };
            events.into_iter().map(Step::Text).chain(end).collect::<Vec<_>>()
        };
        match reply {
            Reply::Json(status, text) => {
                let reply = Self::status(status).header("content-type", "application/json");
                reply.steps(stream(vec![text], Finish::Ends))
            }
            Reply::Stream(events, finish) => {
                let reply = Self::status(200).header("content-type", "text/event-stream");
                reply.steps(stream(events, finish))
            }
            Reply::Broken(text) => Self::ok().steps(stream(vec![text], Finish::Breaks)),
            Reply::Fails(kind) => Self::fails(kind),
            Reply::Silent => Self::silent(),
        }
    }
}
