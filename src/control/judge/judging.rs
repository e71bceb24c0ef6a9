//! A response whose head is held back until its beginning tells what it is.

use std::task::{Context, Poll, ready};
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
use crate::usage::metering::{Glance, Sight};
use crate::usage::{Format, Shape};

/// How long a head is held back at most, whatever has come behind it.
const TIME: Duration = Duration::from_secs(1);

/// A response that may be an error, though its status says success.
pub(in crate::control) struct Judging<R> {
    head: Parts,
    body: JudgedBody<R>,
    glance: Option<Glance>,
    /// How many bytes are ahead; an empty frame counts for one.
    read: usize,
    /// Since it is waited for.
    until: Option<Instant>,
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
        shape: Shape,
    ) -> Result<Self, Response<R>> {
        let glance = Glance::new(response.headers(), shape);
        if glance.is_none() {
            return Err(response);
        }
        let (head, body) = response.map(JudgedBody::judged).into_parts();
        Ok(Self { head, body, glance, read: 0, until: None, timer: Timer::default() })
    }

    /// Ready when the beginning has told, or nothing more is waited for.
    pub(in crate::control) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        let verdict = ready!(self.poll_verdict(cx));
        if let Verdict::Error(class) = verdict {
            health::blame(&mut self.head.extensions, class);
        }
        Poll::Ready(verdict)
    }

    fn poll_verdict(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        loop {
            let Some(glance) = &mut self.glance else { return Poll::Ready(Verdict::Answer) };
            let Poll::Ready(data) = self.body.poll_ahead(cx) else {
                let until = *self.until.get_or_insert_with(|| Instant::now() + TIME);
                return self.timer.poll_until(until, cx).map(|()| Verdict::Answer);
            };
            let Some(data) = data else {
                return Poll::Ready(match self.glance.take() {
                    _ if self.body.is_broken() => Verdict::Broken,
                    Some(glance) => glance.finish().into(),
                    None => Verdict::Answer,
                });
            };
            let room = Glance::LONGEST.saturating_sub(self.read);
            self.read = self.read.saturating_add(data.len().max(1));
            let is_all = data.len() <= room;
            let seen = &data[..data.len().min(room)];
            match glance.push(seen, is_all && self.body.has_ended()) {
                Some(sight) => return Poll::Ready(sight.into()),
                None if self.read > Glance::LONGEST => return Poll::Ready(Verdict::Answer),
                None => {}
            }
        }
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
