//! Reads the start of a response before its head is passed on.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderMap, Response, header};
use http_body::{Body, Frame};
use tokio::time::Instant;
use tower::BoxError;

use super::{ClassifiedBody, Verdict};
use crate::control::health;
use crate::control::timer::Timer;
use crate::usage::metering::{Glance, Sight};
use crate::usage::{Format, Shape};

/// How long a head is held back, from the first wait for the body on.
const TIME: Duration = Duration::from_secs(1);

/// The format of a response that may be an error despite its successful status. `None` if the type
/// of the body is not read, or the body is too long for an error.
pub(in crate::control) fn suspect_format<R: Body>(response: &Response<R>) -> Option<Format> {
    if !response.status().is_success() {
        return None;
    }
    let format = Format::of(response.headers().get(header::CONTENT_TYPE))?;
    let is_short = || response.body().size_hint().lower() <= Glance::LONGEST as u64;
    (format != Format::Json || is_short()).then_some(format)
}

/// Returns true if this is an answer: a response whose body is this frame, and which
/// [may be](suspect_format) an error.
pub(in crate::control) fn is_answer<D: Buf>(
    headers: &HeaderMap,
    only: &Frame<D>,
    shape: Shape,
) -> bool {
    let Some(data) = only.data_ref().filter(|data| data.remaining() <= Glance::LONGEST) else {
        return false;
    };
    let is_in_one_piece = data.chunk().len() == data.remaining();
    let format = || Format::of(headers.get(header::CONTENT_TYPE));
    let glance = |format| Glance::new(format, headers, shape);
    let sight = |mut glance: Glance| glance.push(data.chunk(), true);
    is_in_one_piece && format().and_then(glance).and_then(sight) == Some(Sight::Answer)
}

/// Reads the start of a response until it is classified, or as long as its head may be held back.
pub(in crate::control) struct Classifying {
    /// `None` once it is classified.
    glance: Option<Glance>,
    /// How many bytes were read.
    read: usize,
    /// The end of the wait, set by the first one.
    until: Option<Instant>,
    timer: Timer,
}

impl Classifying {
    /// `None` if the coding of the body is not supported.
    pub(in crate::control) fn new(
        format: Format,
        headers: &HeaderMap,
        shape: Shape,
    ) -> Option<Self> {
        let glance = Some(Glance::new(format, headers, shape)?);
        Some(Self { glance, read: 0, until: None, timer: Timer::default() })
    }

    /// Reads on in the response, which must be the same in all polls.
    pub(in crate::control) fn poll<R>(
        &mut self,
        response: &mut Response<ClassifiedBody<R>>,
        cx: &mut Context<'_>,
    ) -> Poll<Verdict>
    where
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        let Poll::Ready(verdict) = self.poll_read(response.body_mut(), cx) else {
            let until = *self.until.get_or_insert_with(|| Instant::now() + TIME);
            return self.timer.poll_until(until, cx).map(|()| Verdict::Answer);
        };
        if let Verdict::Error(class) = verdict {
            health::blame(response.extensions_mut(), class);
        }
        Poll::Ready(verdict)
    }

    fn poll_read<R>(&mut self, body: &mut ClassifiedBody<R>, cx: &mut Context<'_>) -> Poll<Verdict>
    where
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        let Self { glance: place, read, .. } = self;
        while let Some(glance) = place
            && let Some(data) = ready!(body.poll_ahead(cx))
        {
            let room = Glance::LONGEST.saturating_sub(*read);
            // An empty frame counts as one byte.
            *read = read.saturating_add(data.len().max(1));
            let is_all = data.len() <= room;
            let seen = &data[..data.len().min(room)];
            match glance.push(seen, is_all && body.has_ended()) {
                Some(sight) => return Poll::Ready(sight.into()),
                None if *read > Glance::LONGEST => return Poll::Ready(Verdict::Answer),
                None => {}
            }
        }
        Poll::Ready(match place.take() {
            _ if body.is_broken() => Verdict::Broken,
            Some(glance) => glance.finish().into(),
            None => Verdict::Answer,
        })
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_whole_answer_is_an_answer() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(Glance::LONGEST));
        for (content_type, body, expected) in [
            ("application/json", r#"{"choices":[]}"#, true),
            ("application/json", r#"{"error":{"message":"m","code":500}}"#, false),
            ("application/json", &long, false),
            ("text/event-stream", "data: {\"error\":{\"message\":\"m\"}}\n\n", false),
            ("text/html", "{}", false),
        ] {
            let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            let headers = HeaderMap::from_iter([content_type]);
            let frame = Frame::data(Bytes::from(body.to_owned()));
            assert_eq!(is_answer(&headers, &frame, Shape::Chat), expected, "{body}");
        }
        let trailers = Frame::<Bytes>::trailers(HeaderMap::new());
        assert!(!is_answer(&HeaderMap::new(), &trailers, Shape::Chat));
    }
}
