//! Reads the body of a request to its end, and adds it to the key.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::Instant;
use tower::BoxError;

use super::key::KeyMaker;
use crate::control::replay::{Read, Rest};
use crate::control::timer::Timer;
use crate::util::budget::{FRAME_OVERHEAD, Held};
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// Reads a body to its end, and adds it to the key without copying it. False if the body is too long, has
/// trailers, breaks off, finds no memory, or refers to state at the provider.
///
/// `most`: the maximum length in bytes. `held`: the body's share of the budget. `patience`: how long the
/// client may be silent.
pub(super) async fn collect<B>(
    read: &mut Read<B>,
    most: u64,
    key: &mut KeyMaker,
    held: Held,
    patience: Option<Duration>,
) -> Result<bool, TimeoutError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    if let Rest::Body(body) = &read.rest
        && body.size_hint().lower() > most
    {
        return Ok(false);
    }
    let held = read.held.insert(held);
    let mut timer = Timer::default();
    while let Rest::Body(body) = &mut read.rest {
        let frame = match body.is_end_stream() {
            true => None,
            false => next(body.as_mut(), patience, &mut timer).await?,
        };
        match frame.map(|frame| frame.map(Frame::into_data)) {
            None => read.rest = Rest::Nothing,
            Some(Ok(Ok(data))) => {
                read.bytes = read.bytes.saturating_add(data.len() as u64);
                let fits =
                    read.bytes <= most && held.grow(data.len().saturating_add(FRAME_OVERHEAD));
                if fits {
                    key.push(&data);
                }
                read.frames.push(data);
                if !fits {
                    return Ok(false);
                }
            }
            Some(Ok(Err(frame))) => {
                if let Ok(trailers) = frame.into_trailers() {
                    read.rest = Rest::Trailers(trailers);
                }
            }
            Some(Err(error)) => read.rest = Rest::Error(error.into()),
        }
    }
    Ok(matches!(read.rest, Rest::Nothing) && key.is_clean())
}

async fn next<B: Body>(
    mut body: Pin<&mut B>,
    patience: Option<Duration>,
    timer: &mut Timer,
) -> Result<Option<Result<Frame<B::Data>, B::Error>>, TimeoutError> {
    let mut until = None;
    poll_fn(|cx| {
        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            return Poll::Ready(Ok(frame));
        }
        let Some(patience) = patience else { return Poll::Pending };
        match *until.get_or_insert_with(|| Instant::now().checked_add(patience)) {
            None => Poll::Pending,
            Some(until) => timer
                .poll_until(until, cx)
                .map(|()| Err(TimeoutError::new(TimeoutPhase::Body, patience))),
        }
    })
    .await
}
