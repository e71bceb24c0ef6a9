//! A request that waits for its turn. What a request meets seldom: it is boxed where it is used.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tower::util::Oneshot;
use tower_service::Service;

use super::error::ConcurrencyError;
use super::pool::Permits;
use super::taking::{Place, Taking};
use crate::control::timer::Timer;

/// Gives the call and its permits once all gates are passed.
pub(super) struct Waiting<S, Req> {
    next: Option<Next<S, Req>>,
    place: Place,
    timer: Timer,
}

// Nothing in it is pinned.
impl<S, Req> Unpin for Waiting<S, Req> {}

struct Next<S, Req> {
    taking: Taking,
    service: S,
    request: Req,
}

pub(super) type Turn<S, Req> = (Oneshot<S, Req>, Permits);

impl<S: Service<Req>, Req> Waiting<S, Req> {
    pub(super) fn new(taking: Taking, place: Place, service: S, request: Req) -> Self {
        let next = Some(Next { taking, service, request });
        Self { next, place, timer: Timer::default() }
    }
}

impl<S: Service<Req>, Req> Future for Waiting<S, Req> {
    type Output = Result<Turn<S, Req>, ConcurrencyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while let Some(next) = &mut this.next {
            let Poll::Ready(permit) = this.place.ticket.poll_turn(cx) else {
                let Some(until) = this.place.until else { return Poll::Pending };
                ready!(this.timer.poll_until(until, cx));
                return Poll::Ready(Err(ConcurrencyError::WAITED));
            };
            next.taking.admitted(permit);
            match next.taking.advance()? {
                Some(place) => this.place = place,
                None => {
                    let Some(Next { taking, service, request }) = this.next.take() else { break };
                    return Poll::Ready(Ok((Oneshot::new(service, request), taking.done())));
                }
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::control::concurrency::gate::{Gate, Gates};
    use crate::control::concurrency::pool::Pool;
    use tokio::time::{Instant, sleep};

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// When a request gives up that waits 50 ms before its first gate, and then before its second.
    async fn gives_up_at(first: u64, second: u64) -> Duration {
        let pools = [(); 2].map(|()| Arc::new(Pool::default()));
        let first_permit = pools[0].try_enter(1);
        let _second_permit = pools[1].try_enter(1);
        let mut gates = Gates::default();
        for (pool, wait) in pools.into_iter().zip([first, second]) {
            gates.push(Gate { pool, limit: 1, wait: ms(wait) });
        }
        let start = Instant::now();
        let mut taking = Taking::new(gates, usize::MAX);
        let place = taking.advance().unwrap().unwrap();
        let service = tower::service_fn(|()| std::future::ready(Ok::<_, ConcurrencyError>(())));
        let waiting = Waiting::new(taking, place, service, ());
        let release = async {
            sleep(ms(50)).await;
            drop(first_permit);
        };
        let ((), turn) = tokio::join!(release, waiting);
        assert_eq!(turn.err(), Some(ConcurrencyError::WAITED));
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_gates_patience_counts_from_the_call() {
        assert_eq!(gives_up_at(100, 70).await, ms(70));
        assert_eq!(gives_up_at(100, 200).await, ms(200));
        assert_eq!(gives_up_at(100, 40).await, ms(50));
    }
}
