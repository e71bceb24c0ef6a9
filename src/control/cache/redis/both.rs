//! Polls two futures concurrently.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// The results of both.
pub(super) async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut of_a, mut of_b) = (None, None);
    poll_fn(move |cx| {
        if of_a.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(cx)
        {
            of_a = Some(value);
        }
        if of_b.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(cx)
        {
            of_b = Some(value);
        }
        match (of_a.take(), of_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (of_a, of_b) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// The result of `main`, with `other` polled meanwhile.
pub(super) async fn beside<T>(
    main: impl Future<Output = T>,
    other: impl Future<Output = Infallible>,
) -> T {
    let (mut main, mut other) = (pin!(main), pin!(other));
    poll_fn(move |cx| {
        let result = main.as_mut().poll(cx);
        if result.is_pending()
            && let Poll::Ready(never) = other.as_mut().poll(cx)
        {
            match never {}
        }
        result
    })
    .await
}
