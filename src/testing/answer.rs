//! The answers of a scripted provider.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tower::BoxError;

use super::body::{AnswerBody, Part};

/// One answer of a [`ScriptedProvider`](super::ScriptedProvider).
///
/// Delays use tokio's clock, so a test with paused time does not wait.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::testing::Answer;
///
/// let slow = Duration::from_secs(1);
/// let stream = Answer::sse([r#"{"choices":[{"delta":{"content":"Hi"}}]}"#, "[DONE]"]).pace(slow);
/// let overloaded = Answer::json(r#"{"error":{"message":"busy"}}"#).status(529).delay(slow);
/// let cut_off = Answer::sse(["{}"]).truncated();
/// ```
#[derive(Debug)]
#[must_use = "an answer is given once it is queued"]
pub struct Answer {
    delay: Duration,
    result: Result<Given, io::ErrorKind>,
}

#[derive(Debug)]
struct Given {
    status: StatusCode,
    headers: HeaderMap,
    parts: Vec<Part>,
}

impl Answer {
    /// 200 with a JSON body, which is not checked.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::new("application/json", vec![Part::Data(body.into())])
    }

    /// 200 with server-sent events: each item is the `data` of one event, in a frame of its own.
    pub fn sse<D: AsRef<str>>(events: impl IntoIterator<Item = D>) -> Self {
        let frame = |data: D| {
            let lines = data.as_ref().split('\n').map(|line| format!("data: {line}\n"));
            Part::Data(Bytes::from(lines.chain(["\n".to_owned()]).collect::<String>()))
        };
        Self::new("text/event-stream", events.into_iter().map(frame).collect())
    }

    /// 200 with these frames as its body.
    ///
    /// # Panics
    ///
    /// If the content type is not a valid header value.
    pub fn frames<D: Into<Bytes>>(
        content_type: &'static str,
        frames: impl IntoIterator<Item = D>,
    ) -> Self {
        let parts = frames.into_iter().map(|frame| Part::Data(frame.into())).collect();
        Self::new(content_type, parts)
    }

    /// The connection cannot be made.
    pub fn no_connection() -> Self {
        Self { delay: Duration::ZERO, result: Err(io::ErrorKind::ConnectionRefused) }
    }

    /// The connection is reset before the response.
    pub fn reset() -> Self {
        Self { delay: Duration::ZERO, result: Err(io::ErrorKind::ConnectionReset) }
    }

    fn new(content_type: &'static str, parts: Vec<Part>) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
        Self { delay: Duration::ZERO, result: Ok(Given { status: StatusCode::OK, headers, parts }) }
    }

    /// Sets the status.
    ///
    /// # Panics
    ///
    /// If it is not from 100 to 999.
    #[track_caller]
    pub fn status(mut self, status: u16) -> Self {
        let status = StatusCode::from_u16(status);
        let Ok(status) = status else { panic!("a status is from 100 to 999") };
        if let Ok(given) = &mut self.result {
            given.status = status;
        }
        self
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// If it is malformed.
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        if let Ok(given) = &mut self.result {
            given.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        self
    }

    /// Delays the response or the error.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Delays each frame of the body.
    pub fn pace(mut self, delay: Duration) -> Self {
        if let Ok(given) = &mut self.result {
            let parts = std::mem::take(&mut given.parts).into_iter();
            given.parts = parts.flat_map(|part| [Part::Wait(delay), part]).collect();
        }
        self
    }

    /// Breaks the connection after the last frame, without ending the body.
    pub fn truncated(mut self) -> Self {
        if let Ok(given) = &mut self.result {
            given.parts.push(Part::Break);
        }
        self
    }

    pub(super) async fn give(self) -> Result<Response<AnswerBody>, BoxError> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let Given { status, headers, parts } = self.result.map_err(io::Error::from)?;
        let mut response = Response::new(AnswerBody::new(parts));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}
