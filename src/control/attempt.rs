//! How layers that make several calls report each of them: the innermost does, and the exchange if none
//! does.

use std::time::Instant;

use http::Response;
use tower_service::Service;

use crate::context::GatewayContext;
use crate::hook::CacheStatus;
use crate::response::failure;

/// The time by tokio's clock, which tests can stop.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Makes a call, and reports its begin unless a layer below does.
pub(super) fn call<S, R>(context: Option<&GatewayContext>, service: &mut S, request: R) -> S::Future
where
    S: Service<R>,
{
    let Some(context) = context else { return service.call(request) };
    // What is known of the last response says nothing of the next one.
    context.take_answer_read();
    let before = context.attempts();
    let call = service.call(request);
    if context.attempts() == before {
        context.begin_attempt(now);
    }
    call
}

/// Reports the result of a call. Returns true if a layer below refused it: then it does not count
/// as a call, and the caller must return the refusal instead of trying again.
pub(super) fn report_end<R, E: 'static>(
    context: Option<&GatewayContext>,
    result: &Result<Response<R>, E>,
) -> bool {
    let is_refused = failure::is_refused(result);
    let Some(context) = context else { return is_refused };
    #[cfg(feature = "limits")]
    super::limits::call_ended(
        context,
        result.as_ref().map(Response::status).map_err(failure::of_any),
    );
    ended(context, result, is_refused);
    is_refused
}

/// The same, without a word to the limits.
pub(super) fn ended<R, E: 'static>(
    context: &GatewayContext,
    result: &Result<Response<R>, E>,
    is_refused: bool,
) {
    match result {
        _ if is_refused => context.forget_attempt(),
        Err(error) if failure::leads_elsewhere(error) => context.forget_attempt(),
        Ok(response) if is_hit(response) => context.forget_attempt(),
        Ok(response) => context.attempt_ended(now, Ok(response.status())),
        Err(error) => context.attempt_ended(now, Err(failure::of_any(error))),
    }
}

/// Takes back a call that was not made.
pub(super) fn take_back(context: Option<&GatewayContext>) {
    let Some(context) = context else { return };
    #[cfg(feature = "limits")]
    super::limits::is_under_way(Some(context), false);
    context.forget_attempt();
}

/// Returns true if the host's own cache answered: then no upstream call was made.
fn is_hit<R>(response: &Response<R>) -> bool {
    response.extensions().get().is_some_and(|status: &CacheStatus| status.is_hit())
}

#[cfg(test)]
mod tests {
    use http::{Method, Uri};

    use super::*;
    use crate::context::answer_read::ReadBy;
    use crate::context::{Arrival, Endpoint};

    #[test]
    fn a_call_does_not_know_what_was_seen_of_the_last_response() {
        let arrival = Arrival::new(Method::POST, Uri::from_static("/"), Endpoint::None);
        let context = GatewayContext::new(arrival, None);
        context.set_answer_read(ReadBy::Call);
        let mut service = tower::service_fn(|()| std::future::ready(Ok::<_, ()>(())));
        drop(call(Some(&context), &mut service, ()));
        assert_eq!(context.take_answer_read(), None);
    }
}
