//! A response whose head is held back until its beginning tells what it is.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{Response, header};
use http_body::Body;
use tokio::time::Instant;
use tower::BoxError;

use super::{JudgedBody, Verdict};
use crate::control::health;
use crate::control::timer::Timer;
use crate::metering::{Glance, Sight};
use crate::route::Operation;
use crate::usage::Format;

/// How long a head is held back at most, whatever has come behind it.
const TIME: Duration = Duration::from_secs(1);

/// A response that may be an error, though its status says success.
pub(in crate::control) struct Judging<R> {
    head: Parts,
    body: JudgedBody<R>,
    glance: Glance,
    /// How many bytes are ahead; an empty frame counts for one.
    read: usize,
    until: Instant,
    timer: Timer,
}

impl<R> Judging<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    /// Not where the status says it all, or the body is nothing that is read, or too long for an
    /// error.
    pub(in crate::control) fn may_judge(response: &Response<R>) -> bool {
        if !response.status().is_success() {
            return false;
        }
        match Format::of(response.headers().get(header::CONTENT_TYPE)) {
            Some(Format::Json) => response.body().size_hint().lower() <= Glance::LONGEST as u64,
            format => format.is_some(),
        }
    }

    /// From now on its beginning is read; the response as it is where that is in a coding that is
    /// not read.
    pub(in crate::control) fn new(
        response: Response<R>,
        operation: Operation,
    ) -> Result<Box<Self>, Response<R>> {
        let Some(glance) = Glance::new(response.headers(), operation) else { return Err(response) };
        let (head, body) = response.map(JudgedBody::judged).into_parts();
        let until = Instant::now() + TIME;
        Ok(Box::new(Self { head, body, glance, read: 0, until, timer: Timer::default() }))
    }

    /// Ready when the beginning has told, or nothing more is waited for.
    pub(in crate::control) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        let verdict = loop {
            match self.body.poll_ahead(cx) {
                Poll::Pending => {
                    std::task::ready!(self.timer.poll_until(self.until, cx));
                    break Verdict::Answer;
                }
                Poll::Ready(Some(data)) => {
                    let room = Glance::LONGEST.saturating_sub(self.read);
                    self.read = self.read.saturating_add(data.len().max(1));
                    let sight = self.glance.push(&data[..data.len().min(room)]);
                    match sight {
                        Some(sight) => break sight.into(),
                        None if self.read > Glance::LONGEST => break Verdict::Answer,
                        None => {}
                    }
                }
                Poll::Ready(None) if self.body.is_broken() => break Verdict::Broken,
                Poll::Ready(None) => break self.glance.finish().into(),
            }
        };
        if let Verdict::Error(class) = verdict {
            health::blame(&mut self.head.extensions, class);
        }
        Poll::Ready(verdict)
    }

    /// The response, with all that has come of it.
    pub(in crate::control) fn into_response(self) -> Response<JudgedBody<R>> {
        Response::from_parts(self.head, self.body)
    }
}

impl From<Sight> for Verdict {
    fn from(sight: Sight) -> Self {
        match sight {
            Sight::Answer => Self::Answer,
            Sight::Error(class) => Self::Error(class),
        }
    }
}
