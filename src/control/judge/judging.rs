//! Reading the beginning of a response before its head is handed on.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, header};
use http_body::Body;
use tokio::time::Instant;
use tower::BoxError;

use super::{JudgedBody, Verdict};
use crate::control::health;
use crate::control::timer::Timer;
use crate::usage::metering::{Glance, Sight};
use crate::usage::{Format, Shape};

/// How long a head is held back at most, from the first wait for the body on.
const TIME: Duration = Duration::from_secs(1);

/// Whether the response may be an error although its status says success: not where the body is of
/// a type that is not read, or too long for an error.
pub(in crate::control) fn may_be_error<R: Body>(response: &Response<R>) -> bool {
    if !response.status().is_success() {
        return false;
    }
    match Format::of(response.headers().get(header::CONTENT_TYPE)) {
        Some(Format::Json) => response.body().size_hint().lower() <= Glance::LONGEST as u64,
        format => format.is_some(),
    }
}

/// Reads the beginning of a response until it tells what the response is, or for as long as a head
/// may be held back. Without a verdict the body is in a coding that is not read.
pub(in crate::control) async fn read_beginning<R>(
    response: Response<R>,
    shape: Shape,
) -> (Response<JudgedBody<R>>, Option<Verdict>)
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    let Some(glance) = Glance::new(response.headers(), shape) else {
        return (response.map(JudgedBody::new), None);
    };
    let mut response = response.map(JudgedBody::judged);
    let verdict = in_time(read(response.body_mut(), glance)).await;
    if let Verdict::Error(class) = verdict {
        health::blame(response.extensions_mut(), class);
    }
    (response, Some(verdict))
}

async fn in_time(read: impl Future<Output = Verdict>) -> Verdict {
    let (mut read, mut until, mut timer) = (pin!(read), None, Timer::default());
    poll_fn(|cx| {
        let verdict = read.as_mut().poll(cx);
        if verdict.is_ready() {
            return verdict;
        }
        let until = *until.get_or_insert_with(|| Instant::now() + TIME);
        timer.poll_until(until, cx).map(|()| Verdict::Answer)
    })
    .await
}

async fn read<R>(body: &mut JudgedBody<R>, mut glance: Glance) -> Verdict
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    let mut read = 0_usize;
    while let Some(data) = poll_fn(|cx| body.poll_ahead(cx)).await {
        let room = Glance::LONGEST.saturating_sub(read);
        // An empty frame counts for one byte.
        read = read.saturating_add(data.len().max(1));
        let is_all = data.len() <= room;
        let seen = &data[..data.len().min(room)];
        match glance.push(seen, is_all && body.has_ended()) {
            Some(sight) => return sight.into(),
            None if read > Glance::LONGEST => return Verdict::Answer,
            None => {}
        }
    }
    match body.is_broken() {
        true => Verdict::Broken,
        false => glance.finish().into(),
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
