//! The number of bodies through which a frame of a response passes.

use std::backtrace::Backtrace;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use tower_ai_gateway::control::{ConcurrencyLayer, ControlLayer};
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::limits::GROK;
use crate::support::controlled::post;
use crate::support::memory;

/// The files of all `poll_frame` calls on the stack, one per body.
type Files = BTreeSet<String>;

/// A body of one frame that records the bodies on the stack, including itself.
struct Probe {
    seen: Arc<Mutex<Files>>,
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
        let polls = lines.windows(2).filter(|of| of[0].contains("poll_frame"));
        // The second line of a stack frame is its location, which identifies the body. `http-body`
        // only forwards for `Pin`.
        let files: BTreeSet<_> = polls
            .filter_map(|of| of[1].split_once(".rs").map(|(file, _)| file.trim().to_owned()))
            .filter(|file| !file.contains("/http-body-1"))
            .collect();
        *self.seen.lock().unwrap() = files;
        Poll::Ready(self.frame.take().map(|data| Ok(Frame::data(data))))
    }
}

/// The bodies that a frame passes, from the client's to the app's.
async fn bodies(control: ControlLayer) -> Files {
    let seen = Arc::new(Mutex::default());
    let probe = seen.clone();
    let client = service_fn(move |_: Request<_>| {
        let frame = Some(Bytes::from_static(b"x"));
        let response = Response::new(Probe { seen: probe.clone(), frame });
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let gateway = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    let service = gateway.upstream(control.layer(client)).layer(service_fn(memory::app));
    let response = service.oneshot(post(GROK)).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "x");
    std::mem::take(&mut *seen.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_frame_passes_five_bodies_under_all_layers() {
    let health = HealthLayer::new()
        .breaker(BreakerSettings::default())
        .cool_down(CoolDownSettings::default());
    let control = ControlLayer::new().health(health).concurrency(ConcurrencyLayer::new(100));
    // The client's body, the call's, one for the two paths of the stack, the gateway's, and the
    // app's.
    for control in [ControlLayer::new(), control] {
        let files = bodies(control).await;
        assert_eq!(files.len(), 5, "{files:#?}");
    }
}
