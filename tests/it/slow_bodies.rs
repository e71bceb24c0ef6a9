//! Reading before routing and draining refused bodies are bounded in time.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::settings::{GatewaySettings, Timeouts};
use tower_ai_gateway::{
    EndEvent, GatewayLayer, GatewayLayerBuilder, MetricsHook, Mount, Outcome, Provider, RequestBody,
};

const UNIFIED: &str = "/v1/acct/gw/compat/chat/completions";

type Upload = UnsyncBoxBody<Bytes, Infallible>;

/// A body that sends a blank after each gap, in seconds, then nothing. It declares `length` bytes.
struct Slow(Upload, Option<u64>);

impl Slow {
    fn new(gaps: Vec<u64>, length: Option<u64>) -> Self {
        let blanks = stream::iter(gaps).then(|gap| async move {
            sleep(Duration::from_secs(gap)).await;
            Ok(Frame::data(Bytes::from_static(b" ")))
        });
        Self(StreamBody::new(blanks.chain(stream::pending())).boxed_unsync(), length)
    }
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.1.map(SizeHint::with_exact).unwrap_or_default()
    }
}

#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<End>>>);

type End = (Outcome, Option<u16>);

impl MetricsHook for Ends {
    fn on_end(&self, event: &EndEvent<'_>) {
        self.0.lock().unwrap().push((event.outcome, event.gateway_code));
    }
}

struct Answer {
    status: u16,
    text: String,
    after: u64,
}

/// Checks that the provider is not called and hooks get one end.
async fn answer(
    set: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder,
    path: &str,
    body: Slow,
) -> Answer {
    let (called, ends, begin) = (Arc::new(AtomicUsize::new(0)), Ends::default(), Instant::now());
    let calls = called.clone();
    let provider = service_fn(move |_: Request<RequestBody<Slow>>| {
        calls.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let layer = GatewayLayer::builder()
        .mount(Mount::hosted().universal())
        .provider(Provider::xai())
        .metrics_hook(ends.clone());
    let service = set(layer).build().unwrap().client_layer().layer(provider);
    let response = service.oneshot(Request::post(path).body(body).unwrap()).await.unwrap();
    let (status, after) = (response.status().as_u16(), begin.elapsed().as_secs());
    let text = response.into_body().collect().await.unwrap_or_else(|_| panic!()).to_bytes();
    let text = String::from_utf8(text.to_vec()).unwrap();
    let code = [2504, 2400].into_iter().find(|code| text.contains(&format!("\"code\":{code}")));
    assert_eq!(*ends.0.lock().unwrap(), [(Outcome::Rejected, code)]);
    assert_eq!(called.load(Ordering::Relaxed), 0);
    Answer { status, text, after }
}

fn timeouts(layer: GatewayLayerBuilder, timeouts: Timeouts) -> GatewayLayerBuilder {
    let settings = GatewaySettings::builder().authenticated_elsewhere().timeouts(timeouts);
    layer.settings(Arc::new(settings.build().unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_body_without_progress_is_refused_after_thirty_seconds() {
    for path in [UNIFIED, "/v1/acct/gw"] {
        let Answer { status, text, after } =
            answer(|layer| layer, path, Slow::new(vec![20, 29, 1], None)).await;
        assert_eq!((status, after), (408, 80), "from the last byte on: {text}");
        assert!(text.contains("Body timeout") && text.contains("2504"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_can_change_the_body_timeout() {
    let second = Duration::from_secs;
    let short = Timeouts::default().body(second(3));
    let slow = || Slow::new(vec![2, 2], None);
    let Answer { status, after, .. } =
        answer(|layer| timeouts(layer, short), UNIFIED, slow()).await;
    assert_eq!((status, after), (408, 7));
    let of_layer = |layer: GatewayLayerBuilder| layer.body_timeout(Some(second(5)));
    let Answer { status, after, .. } = answer(of_layer, UNIFIED, slow()).await;
    assert_eq!((status, after), (408, 9));
}

#[tokio::test(start_paused = true)]
async fn the_total_timeout_bounds_a_body_that_trickles() {
    let total = Timeouts::default().total(Duration::from_secs(60));
    let slow = Slow::new(vec![10; 100], None);
    let Answer { status, text, after } =
        answer(|layer| timeouts(layer, total), UNIFIED, slow).await;
    assert_eq!((status, after), (408, 60));
    assert!(text.contains("Total timeout"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_read_for_five_seconds() {
    // Refused for its path before anything is read, and for its contents.
    let trickle = || Slow::new([vec![0], vec![1; 1000]].concat(), Some(1 << 20));
    let Answer { status, after, .. } =
        answer(|layer| layer, "/v1/acct/gw/compat/no", trickle()).await;
    assert_eq!((status, after), (404, 5));
    let mut broken = trickle();
    let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"]")))]);
    broken.0 =
        StreamBody::new(first.chain(http_body_util::BodyStream::new(broken.0))).boxed_unsync();
    let Answer { status, after, .. } = answer(|layer| layer, UNIFIED, broken).await;
    assert_eq!((status, after), (400, 5));
}
