//! Reads the body of a request to its end, and adds it to the key.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tower::BoxError;

use super::key::KeyMaker;
use crate::control::compactor::Compactor;
use crate::control::replay::{Read, Rest};
use crate::control::silence::Silence;
use crate::util::budget::{FRAME_OVERHEAD, Held};
use crate::util::timeout::TimeoutError;

/// Reads a body to its end, and adds it to the key. False if the body is too long, has
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
    let (mut silence, mut frames) = (Silence::up_to(patience), 0);
    let mut compactor = Compactor::default();
    while let Rest::Body(body) = &mut read.rest {
        let frame = match body.is_end_stream() {
            true => None,
            false => {
                poll_fn(|cx| match body.as_mut().poll_frame(cx) {
                    Poll::Ready(frame) => Poll::Ready(Ok(frame)),
                    Poll::Pending => silence.poll_over(frames, cx).map(Err),
                })
                .await?
            }
        };
        match frame.map(|frame| frame.map(Frame::into_data)) {
            None => read.rest = Rest::Nothing,
            Some(Ok(Ok(data))) => {
                frames += 1;
                read.bytes = read.bytes.saturating_add(data.len() as u64);
                let cost = compactor.cost(&data).saturating_add(FRAME_OVERHEAD);
                if read.bytes > most || !held.grow(cost) {
                    read.frames.push(data);
                    return Ok(false);
                }
                key.push(&data);
                read.frames.push(compactor.compact(data));
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
