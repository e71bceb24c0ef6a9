//! What a provider does with a call, as data.

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use tokio::time::sleep;

use super::steps::{Step, Steps, yield_once};
use super::{Answer, full};
use crate::support::timed::timed;

/// Waits, then answers or fails.
#[derive(Clone, Debug)]
pub struct Reply {
    wait: Wait,
    status: Result<u16, io::ErrorKind>,
    headers: Vec<(&'static str, String)>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Wait {
    Polls(usize),
    Time(Duration),
    Forever,
}

#[derive(Clone, Debug)]
enum Content {
    /// Its length is known.
    Whole(Bytes),
    /// A frame after each gap, in milliseconds.
    Timed(Vec<u64>),
    Steps(Vec<Step>),
}

impl Reply {
    /// An answer with the body `{}` and no header.
    pub fn status(status: u16) -> Self {
        let content = Content::Whole(Bytes::from_static(b"{}"));
        Self { wait: Wait::Polls(0), status: Ok(status), headers: Vec::new(), content }
    }

    pub fn ok() -> Self {
        Self::status(200).header("content-type", "application/json")
    }

    pub fn fails(kind: io::ErrorKind) -> Self {
        Self { status: Err(kind), ..Self::ok() }
    }

    /// No head arrives.
    pub fn silent() -> Self {
        Self { wait: Wait::Forever, ..Self::ok() }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn headers(self, headers: &[(&'static str, &str)]) -> Self {
        headers.iter().fold(self, |reply, (name, value)| reply.header(name, *value))
    }

    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.content = Content::Whole(bytes.into());
        self
    }

    pub fn timed(mut self, gaps: &[u64]) -> Self {
        self.content = Content::Timed(gaps.to_vec());
        self
    }

    pub fn steps(mut self, steps: impl Into<Vec<Step>>) -> Self {
        self.content = Content::Steps(steps.into());
        self
    }

    pub fn after(mut self, time: Duration) -> Self {
        self.wait = Wait::Time(time);
        self
    }

    pub fn after_polls(mut self, polls: usize) -> Self {
        self.wait = Wait::Polls(polls);
        self
    }

    pub(super) async fn send(self) -> Answer {
        match self.wait {
            Wait::Polls(polls) => {
                for _ in 0..polls {
                    yield_once().await;
                }
            }
            Wait::Time(time) => sleep(time).await,
            Wait::Forever => pending().await,
        }
        let mut response = Response::builder().status(self.status.map_err(io::Error::from)?);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = match self.content {
            Content::Whole(bytes) => full(bytes),
            Content::Timed(gaps) => timed(&gaps).boxed_unsync(),
            Content::Steps(steps) => Steps::new(&steps).boxed_unsync(),
        };
        Ok(response.body(body)?)
    }
}
