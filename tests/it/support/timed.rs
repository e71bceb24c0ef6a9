//! Bodies whose frames arrive at given times.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};
use tower::BoxError;

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A body with a frame after each gap, which starts when the previous frame was read.
pub struct Timed {
    gaps: std::vec::IntoIter<u64>,
    sleep: Option<Pin<Box<Sleep>>>,
}

pub fn timed(gaps: &[u64]) -> Timed {
    let mut timed = Timed { gaps: Vec::from(gaps).into_iter(), sleep: None };
    timed.go_on();
    timed
}

impl Timed {
    fn go_on(&mut self) {
        let sleep = |gap| Box::pin(sleep(ms(gap)));
        self.sleep = self.gaps.next().map(sleep);
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(sleep) = &mut self.sleep else { return Poll::Ready(None) };
        ready!(sleep.as_mut().poll(cx));
        self.go_on();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

/// Reads a body with a pause before each frame. Returns the number of frames and the end.
pub async fn read<B: Body<Error = BoxError>>(body: B, pauses: &[u64]) -> (usize, Option<BoxError>) {
    let mut body = pin!(body);
    let mut pauses = pauses.iter();
    let mut count = 0;
    loop {
        if let Some(pause) = pauses.next() {
            sleep(ms(*pause)).await;
        }
        match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            Some(Ok(_)) => count += 1,
            Some(Err(error)) => return (count, Some(error)),
            None => return (count, None),
        }
    }
}
