//! If guards panic or hang or clients disconnect, nothing is sent.

use std::time::Duration;

use tower_ai_gateway::guard::{GuardHead, GuardRequest, GuardedResponse, Verdict};
use tower_ai_gateway::{GatewayContext, Guard, Outcome};

use crate::guards::scene::*;
use crate::support::ends::Ends;
use crate::support::message::request;
use crate::support::polling::eventually;
use crate::support::raw_upstream::Recorder;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Limit,
    Call,
    Poll,
    Drop,
    ResponseLimit,
    Response,
}

struct Panics(At);

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("a guard's future that panics as it is dropped");
    }
}

impl Guard for Panics {
    fn body_limit(&self, _: &GuardHead<'_>) -> usize {
        assert_ne!(self.0, At::Limit);
        10
    }

    fn check(&self, _: GuardRequest<'_>) -> impl Future<Output = Verdict> + Send {
        assert_ne!(self.0, At::Call);
        let at = self.0;
        async move {
            tokio::task::yield_now().await;
            assert_ne!(at, At::Poll);
            if at == At::Drop {
                let _held = PanicsWhenDropped;
                std::future::pending::<()>().await;
            }
            Verdict::Pass
        }
    }

    fn response_limit(&self, _: &GatewayContext) -> usize {
        assert_ne!(self.0, At::ResponseLimit);
        10
    }

    fn on_response(&self, _: &GuardedResponse<'_>) {
        assert_ne!(self.0, At::Response);
    }
}

#[tokio::test]
async fn a_guard_that_panics_refuses_only_its_request() {
    for at in [At::Limit, At::Call, At::Poll] {
        let provider = Recorder::start().await;
        let (hook, mut ends) = Ends::by(|end| (end.outcome, end.gateway_code));
        let gateway = serve(layer(&provider).guard(Panics(at)).metrics_hook(hook)).await;
        let mut wire = gateway.connect().await;
        for _ in 0..2 {
            wire.send(request(NATIVE, &[], b"{}")).await;
            let error = wire.read_message().await.gateway_error(500, 2500);
            assert!(!error.to_string().contains("panic"), "{error}");
            assert_eq!(ends.next().await, (Outcome::Rejected, Some(2500)), "{at:?}");
        }
        provider.assert_untouched("no guard has decided");
    }
}

#[tokio::test]
async fn a_guard_that_panics_at_a_response_does_not_change_it() {
    for at in [At::ResponseLimit, At::Response] {
        let provider = Recorder::start().await;
        let (hook, mut ends) = Ends::by(|end| end.outcome);
        let gateway = serve(layer(&provider).guard(Panics(at)).metrics_hook(hook)).await;
        assert_eq!(gateway.answer(request(NATIVE, &[], b"{}")).await.status(), 200);
        assert_eq!(ends.next().await, Outcome::Complete, "{at:?}");
    }
}

#[tokio::test]
async fn a_guard_that_never_decides_refuses_in_time() {
    let provider = Recorder::start().await;
    let (hook, mut ends) = Ends::by(|end| (end.outcome, end.gateway_code));
    let hanging = Hanging { limit: 100, ..Hanging::default() };
    let short = Duration::from_millis(50);
    for panics in [false, true] {
        let layer = layer(&provider).guard_timeout(short);
        let layer = match panics {
            false => layer.guard(hanging.clone()),
            true => layer.guard(Panics(At::Drop)),
        };
        let gateway = serve(layer).await;
        let answer = gateway.answer(request(COMPAT, &[], br#"{"model":"grok/grok-4"}"#)).await;
        answer.gateway_error(503, 2503);
        assert_eq!(answer.head.get("x-should-retry"), Some("true"), "nothing was sent");
    }
    let gateway =
        serve(layer(&provider).guard_timeout(short).guard(hanging.clone()).metrics_hook(hook))
            .await;
    gateway.answer(request(NATIVE, &[], b"{}")).await.gateway_error(503, 2503);
    assert_eq!(ends.next().await, (Outcome::Rejected, Some(2503)));
    assert_eq!(hanging.count(), 0, "its future is dropped");
    provider.assert_untouched("no guard has decided");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_guard_and_the_exchange() {
    let provider = Recorder::start().await;
    let (hook, mut ends) = Ends::by(|end| (end.outcome, end.status));
    let hanging = Hanging { limit: 100, ..Hanging::default() };
    let gateway = serve(layer(&provider).guard(hanging.clone()).metrics_hook(hook)).await;
    for line in [NATIVE, COMPAT] {
        let mut wire = gateway.connect().await;
        wire.send(request(line, &[], br#"{"model":"grok/grok-4"}"#)).await;
        eventually("the guard is asked", async || hanging.count() == 1).await;
        wire.reset();
        assert_eq!(ends.next().await, (Outcome::Cancelled, None));
        eventually("its future is dropped", async || hanging.count() == 0).await;
        assert!(ends.is_empty());
    }
    provider.assert_untouched("the client has gone away");
}
