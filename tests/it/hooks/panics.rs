//! A hook or an upstream that panics harms nobody else.

use super::*;

struct Panics;

impl MetricsHook for Panics {
    fn on_request(&self, _: &tower_ai_gateway::hook::RequestEvent<'_>) {
        panic!("planted");
    }
    fn on_attempt(&self, _: &tower_ai_gateway::hook::AttemptEvent<'_>) {
        panic!("planted");
    }
    fn on_head(&self, _: &tower_ai_gateway::hook::HeadEvent<'_>) {
        panic!("planted");
    }
    fn on_end(&self, _: &EndEvent<'_>) {
        panic!("planted");
    }
    fn payload_limit(&self, _: &GatewayContext) -> usize {
        panic!("planted");
    }
}

#[tokio::test]
async fn a_hook_that_panics_affects_neither_the_response_nor_other_hooks() {
    let recorder = Recorder::default();
    let builder = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(Panics);
    let layer = builder.metrics_hook(recorder.clone()).build().unwrap();
    let service =
        layer.upstream(Upstream::steps(&[Step::Data("a")])).layer(service_fn(memory::app));
    let response = service.oneshot(post(NATIVE, "{}")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a");
    assert_eq!(recorder.order(), "request attempt head end");
}

#[test]
fn a_panicking_upstream_still_ends_its_exchange() {
    let recorder = Recorder::default();
    let upstream = service_fn(|_: Request<_>| async {
        if true {
            panic!("planted");
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut service =
        layer(recorder.clone()).upstream(upstream).layer(service_fn(memory::app::<Full<Bytes>>));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let mut call = Box::pin(service.call(post(NATIVE, "{}")));
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert!(unwound.is_err());
    let end = recorder.end();
    assert_eq!((end.outcome, end.failure), (Outcome::Failed, Some(Failure::Other)));
}

/// A panic payload that panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("planted in drop");
        }
    }
}

#[tokio::test]
async fn a_panic_payload_that_panics_is_contained() {
    let hook = |_: &EndEvent<'_>| std::panic::panic_any(Bomb);
    let response = exchange(hook, Upstream::steps(&[Step::Data("a")]), post(NATIVE, "{}")).await;
    assert_eq!(response.body().as_deref(), Some(&b"a"[..]));
}
