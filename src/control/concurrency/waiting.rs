//! A request that waits for its turn. What a request meets seldom: it is boxed where it is used.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::error::ConcurrencyError;
use super::list::SmallList;
use super::pool::Permit;
use super::taking::{Place, Taking};
use crate::control::timer::Timer;

pin_project! {
    /// Gives the call and its permits once all gates are passed.
    pub(super) struct Waiting<S, Req> {
        next: Option<Next<S, Req>>,
        place: Place,
        #[pin]
        timer: Timer,
    }
}

struct Next<S, Req> {
    taking: Taking,
    service: S,
    request: Req,
}

pub(super) type Turn<S, Req> = (Oneshot<S, Req>, SmallList<Permit>);

impl<S: Service<Req>, Req> Waiting<S, Req> {
    pub(super) fn new(taking: Taking, place: Place, service: S, request: Req) -> Self {
        let next = Some(Next { taking, service, request });
        Self { next, place, timer: Timer::default() }
    }
}

impl<S: Service<Req>, Req> Future for Waiting<S, Req> {
    type Output = Result<Turn<S, Req>, ConcurrencyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        while let Some(next) = this.next {
            let Poll::Ready(permit) = this.place.ticket.poll_turn(cx) else {
                let Some(until) = this.place.until else { return Poll::Pending };
                std::task::ready!(this.timer.as_mut().poll_until(until, cx));
                return Poll::Ready(Err(ConcurrencyError::WAITED));
            };
            next.taking.admitted(permit);
            match next.taking.advance()? {
                Some(place) => {
                    *this.place = place;
                    // The next gate may have less patience, and a timer does not go back.
                    this.timer.set(Timer::default());
                }
                None => {
                    let Some(Next { taking, service, request }) = this.next.take() else { break };
                    return Poll::Ready(Ok((Oneshot::new(service, request), taking.done())));
                }
            }
        }
        Poll::Pending
    }
}
