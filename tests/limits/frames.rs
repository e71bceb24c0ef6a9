//! Through how many bodies a frame of a response passes.

use std::backtrace::Backtrace;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use tower_ai_gateway::control::{ConcurrencyLayer, ControlLayer};
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::GROK;
use crate::controlled::{post, with};
use crate::memory;

/// A body of one frame that counts the `poll_frame`s on the stack, its own among them.
struct Probe {
    seen: Arc<AtomicUsize>,
    frame: Option<Bytes>,
}

impl Body for Probe {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let stack = Backtrace::force_capture().to_string();
        let lines: Vec<_> = stack.lines().collect();
        // The second line of a frame says where it is. `http-body` itself only forwards, for `Pin`.
        let bodies = lines.windows(2).filter(|of| {
            of[0].contains("poll_frame")
                && !of[0].contains("closure")
                && !of[1].contains("/http-body-1")
        });
        self.seen.store(bodies.count(), Ordering::Relaxed);
        Poll::Ready(self.frame.take().map(|data| Ok(Frame::data(data))))
    }
}

/// The bodies that a frame passes, from that of the client to that of the whole app.
async fn bodies(control: ControlLayer, attempts: &str) -> usize {
    let seen = Arc::new(AtomicUsize::new(0));
    let probe = seen.clone();
    let client = service_fn(move |_: Request<_>| {
        let frame = Some(Bytes::from_static(b"x"));
        let response = Response::new(Probe { seen: probe.clone(), frame });
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let gateway = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    let service = gateway.upstream(control.layer(client)).layer(service_fn(memory::app));
    let request = with(post(GROK), "cf-aig-max-attempts", attempts);
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "x");
    seen.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a_frame_passes_five_bodies_under_all_layers() {
    let health = HealthLayer::new()
        .breaker(BreakerSettings::default())
        .cool_down(CoolDownSettings::default());
    let control = ControlLayer::new().health(health).concurrency(ConcurrencyLayer::new(100));
    // The client's, the call's, the stack's, the gateway's response, and that of the whole app.
    assert_eq!(bodies(ControlLayer::new(), "1").await, 5);
    assert_eq!(bodies(control.clone(), "1").await, 5);
    // What is sent again may have been read ahead, by a retry and by a fallback.
    assert_eq!(bodies(control, "2").await, 7);
}
