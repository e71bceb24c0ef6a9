//! Reads the body of a request to its end and puts it into the key.

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

/// How far a body was read.
pub(in crate::control) enum Collected<B> {
    /// All of it is in the key.
    Whole(Read<B>),
    /// It is too long, has trailers, or broke off; or there is no memory for it; or it tells of a state at
    /// the provider.
    Part(Read<B>),
}

/// Reads a body to its end, and puts it into the key. Nothing of it is copied.
///
/// `most`: how many bytes are read. `held`: the share of the memory for bodies. `patience`: how long the
/// client may be silent.
pub(super) async fn collect<B>(
    body: B,
    most: u64,
    key: &mut KeyMaker,
    mut held: Held,
    patience: Option<Duration>,
) -> Result<Collected<B>, TimeoutError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut read = Read::unread(body);
    if let Rest::Body(body) = &read.rest
        && body.size_hint().lower() > most
    {
        return Ok(Collected::Part(read));
    }
    let mut timer = Timer::default();
    while let Rest::Body(body) = &mut read.rest {
        let frame = match body.is_end_stream() {
            true => None,
            false => next(body.as_mut(), patience, &mut timer).await?,
        };
        match frame.map(|frame| frame.map(Frame::into_data)) {
            None => read.rest = Rest::Nothing,
            Some(Ok(Ok(data))) => {
                let fits = read.bytes.saturating_add(data.len() as u64) <= most
                    && held.grow(data.len().saturating_add(FRAME_OVERHEAD));
                if fits {
                    key.push(&data);
                }
                read.push(data);
                if !fits {
                    read.held = Some(held);
                    return Ok(Collected::Part(read));
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
    read.held = Some(held);
    Ok(match read.rest {
        Rest::Nothing if key.is_clean() => Collected::Whole(read),
        _ => Collected::Part(read),
    })
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
