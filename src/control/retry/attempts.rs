//! One request, sent as often as is needed.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::time::sleep;
use tower::BoxError;
use tower_service::Service;

use super::decision::Attempt;
use super::work::Work;
use crate::control::attempt;
use crate::control::judge::{self, Given, JudgedBody, Verdict};
use crate::control::replay::ReplayBody;
use crate::response::failure;

/// Sends the request again until an attempt is handed on. `first`: the call of the first attempt.
pub(super) async fn send<S, B, R>(
    first: S::Future,
    mut service: S,
    mut work: Work<B>,
) -> Given<R, S::Error>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    S::Error: 'static,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    let mut result = first.await;
    loop {
        let delay = match work.look_at(result).await {
            ControlFlow::Continue(delay) => delay,
            ControlFlow::Break(given) => return given,
        };
        if !delay.is_zero() {
            sleep(delay).await;
        }
        poll_fn(|cx| service.poll_ready(cx)).await?;
        result = work.call(&mut service, work.request()).await;
    }
}

impl<B> Work<B> {
    /// What is handed on of an attempt that has ended, or the delay before the next one.
    async fn look_at<R, E>(
        &mut self,
        result: Result<Response<R>, E>,
    ) -> ControlFlow<Given<R, E>, Duration>
    where
        E: 'static,
        R: Body<Data = Bytes>,
        R::Error: Into<BoxError>,
    {
        if attempt::report_end(self.context.as_ref(), &result) {
            return ControlFlow::Break(judge::as_it_is(result));
        }
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let attempt = Attempt::Failed(failure::of_any(&error));
                return decided(self.decide(attempt), Err(error));
            }
        };
        if self.drops_option(response.status()) {
            return ControlFlow::Continue(Duration::ZERO);
        }
        let may_judge = judge::may_be_error(&response) && self.may_go_on();
        let (mut response, verdict) = match may_judge {
            true => judge::read_beginning(response, self.shape()).await,
            false => (response.map(JudgedBody::new), None),
        };
        let attempt = match verdict {
            Some(Verdict::Error(class)) => Attempt::Hidden(class, response.headers()),
            // A response that has begun to answer is not asked for again.
            _ => Attempt::Head(response.status(), response.headers()),
        };
        let delay = self.decide(attempt);
        if self.tells_verdict
            && let Some(verdict) = verdict
        {
            response.extensions_mut().insert(verdict);
        }
        // Where it is dropped, the client below sees to the rest of it.
        decided(delay, Ok(response))
    }
}

fn decided<T>(delay: Option<Duration>, given: T) -> ControlFlow<T, Duration> {
    delay.map_or(ControlFlow::Break(given), ControlFlow::Continue)
}
