//! All bodies held in memory share one budget.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::{
    BodyBudget, GatewayLayer, GatewayLayerBuilder, Mount, Provider, RequestBody,
};

const UNIFIED: &str = "/v1/acct/gw/compat/chat/completions";
const UNIVERSAL: &str = "/v1/acct/gw";
const BUDGET: usize = 8 << 20;

type Upload = UnsyncBoxBody<Bytes, Infallible>;

fn layer(budget: &BodyBudget) -> GatewayLayerBuilder {
    let layer =
        GatewayLayer::builder().mount(Mount::hosted().universal()).provider(Provider::xai());
    layer.peek_limit(1 << 20).body_budget(budget.clone())
}

/// `begin`, then blanks. After that it never ends, or ends with `end`.
fn upload(begin: &'static str, blanks: usize, end: Option<&'static str>) -> Upload {
    const FRAME: usize = 16 * 1024;
    let blanks = stream::repeat_with(|| Bytes::from(vec![b' '; FRAME])).take(blanks / FRAME);
    let body = stream::iter([Bytes::from_static(begin.as_bytes())]).chain(blanks);
    let body = match end {
        Some(end) => body.chain(stream::iter([Bytes::from(end)])).left_stream(),
        None => body.chain(stream::pending()).right_stream(),
    };
    StreamBody::new(body.map(|data| Ok(Frame::data(data)))).boxed_unsync()
}

async fn text<B: Body<Data = Bytes>>(response: Response<B>) -> String {
    let Ok(body) = response.into_body().collect().await else { panic!("it broke off") };
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// The number of clients that are answered at once, of forty that each send `blanks` and then
/// nothing more.
fn refused_of_forty(path: &str, begin: &'static str, blanks: usize) -> usize {
    let budget = BodyBudget::new(BUDGET);
    let called = Arc::new(AtomicUsize::new(0));
    let calls = called.clone();
    let provider = service_fn(move |_: Request<RequestBody<Upload>>| {
        calls.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let service = layer(&budget).build().unwrap().client_layer().layer(provider);
    let mut refused = 0;
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let request = Request::post(path).body(upload(begin, blanks, None)).unwrap();
        let mut call = Box::pin(service.clone().oneshot(request));
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => waiting.push(call),
            Poll::Ready(response) => {
                let response = response.unwrap();
                assert_eq!(response.status(), 503);
                assert_eq!(response.headers()["retry-after"], "1");
                let mut body = pin!(text(response));
                let body = body.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(body, Poll::Ready(body) if body.contains(r#""code":2503"#)));
                refused += 1;
            }
        }
        assert!(budget.used() <= BUDGET);
    }
    assert!(budget.used() > BUDGET / 2, "what is held is counted: {}", budget.used());
    drop(waiting);
    assert_eq!((budget.used(), called.load(Ordering::Relaxed)), (0, 0));
    refused
}

#[test]
fn forty_bodies_before_their_models_share_the_budget() {
    // There is room for 15 of them, with 512 KiB and a little more each.
    assert_eq!(refused_of_forty(UNIFIED, "{", 512 << 10), 25);
}

#[test]
fn forty_universal_bodies_share_the_budget() {
    let refused = refused_of_forty(UNIVERSAL, "[", 512 << 10);
    assert!((25..39).contains(&refused), "{refused} were refused");
}

/// The copies are of 100 KiB each: from each entry's body the provider is cut out.
#[tokio::test]
async fn copies_of_universal_entries_share_the_budget() {
    const KIB: usize = 1024;
    let blanks = " ".repeat(100 * KIB);
    let entry = format!(
        r#"{{"provider":"compat","endpoint":"chat/completions","query":{{{blanks}"model":"grok/grok-4"}}}}"#
    );
    let body = format!("[{entry},{entry}]");
    for (room, expected) in [(350 * KIB, 503), (450 * KIB, 200)] {
        let budget = BodyBudget::new(room);
        let provider = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let gateway = layer(&budget).build().unwrap().client_layer().layer(provider);
        let request = Request::post(UNIVERSAL).body(Full::from(body.clone())).unwrap();
        let response = gateway.oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{room}");
        drop(response);
        assert_eq!(budget.used(), 0);
    }
}

#[cfg(feature = "control")]
#[derive(Clone, Default)]
struct Ends(Arc<std::sync::Mutex<Vec<bool>>>);

#[cfg(feature = "control")]
impl tower_ai_gateway::MetricsHook for Ends {
    fn on_end(&self, event: &tower_ai_gateway::EndEvent<'_>) {
        self.0.lock().unwrap().push(event.gave_up_retries);
    }
}

/// Sends 256 KiB on a provider's own path with retries, and returns a part of the end event.
#[cfg(feature = "control")]
async fn gives_up(bytes: usize) -> (usize, Vec<bool>) {
    use tower::ServiceBuilder;
    use tower_ai_gateway::control::{ReplayBody, ReplayLayer};
    let (budget, ends) = (BodyBudget::new(bytes), Ends::default());
    let provider = service_fn(|request: Request<ReplayBody<RequestBody<Upload>>>| async {
        let body = request.into_body().collect().await?.to_bytes();
        let answer = Full::new(Bytes::from(body.len().to_string()));
        Ok::<_, tower::BoxError>(Response::new(answer))
    });
    let provider = ServiceBuilder::new().layer(ReplayLayer::new()).service(provider);
    let layer = layer(&budget).metrics_hook(ends.clone()).build().unwrap();
    let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    let request = request.body(upload("{", 256 << 10, Some("}"))).unwrap();
    let response = layer.client_layer().layer(provider).oneshot(request).await.unwrap();
    let length = text(response).await.parse().unwrap();
    assert_eq!(budget.used(), 0);
    let ends = ends.0.lock().unwrap().clone();
    (length, ends)
}

#[cfg(feature = "control")]
#[tokio::test]
async fn over_the_budget_a_request_is_sent_without_retries() {
    let length = (256 << 10) + 2;
    assert_eq!(gives_up(1 << 20).await, (length, vec![false]));
    assert_eq!(gives_up(100 << 10).await, (length, vec![true]));
}

/// The fate of an exchange's body.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    UnknownProvider,
    NotJson,
    CutShort,
    NeverEnds,
    /// The provider does not read the body.
    Unread,
    ProviderPanics,
}

fn meets(fate: Fate, budget: &BodyBudget, path: &str, begin: &'static str, end: &'static str) {
    let provider = service_fn(move |request: Request<RequestBody<Upload>>| async move {
        match fate {
            Fate::Unread => {}
            Fate::ProviderPanics => std::panic::resume_unwind(Box::new(())),
            _ => drop(request.into_body().collect().await),
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let body = match fate {
        Fate::UnknownProvider => upload("{", 64 << 10, Some(r#""model":"none/x"}"#)),
        Fate::NotJson => upload("{", 64 << 10, Some("nothing")),
        Fate::CutShort => upload(begin, 64 << 10, Some("")),
        Fate::NeverEnds => upload(begin, 64 << 10, None),
        _ => upload(begin, 64 << 10, Some(end)),
    };
    let service = layer(budget).build().unwrap().client_layer().layer(provider);
    let call = service.oneshot(Request::post(path).body(body).unwrap());
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let mut call: Pin<Box<_>> = Box::pin(call);
        for _ in 0..4 {
            if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                return;
            }
        }
    }));
    assert_eq!(polled.is_err(), matches!(fate, Fate::ProviderPanics));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_body_returns_its_share_of_the_budget(
        fates in prop::collection::vec((0..7_u8, any::<bool>()), 1..8),
        bytes in prop_oneof![Just(0_usize), 1000..200_000_usize, Just(BUDGET)],
    ) {
        let budget = BodyBudget::new(bytes);
        for (fate, is_universal) in fates {
            let fate = match fate {
                0 => Fate::Answered,
                1 => Fate::UnknownProvider,
                2 => Fate::NotJson,
                3 => Fate::CutShort,
                4 => Fate::NeverEnds,
                5 => Fate::Unread,
                // Without room for the body, the provider is not called.
                _ if bytes == BUDGET => Fate::ProviderPanics,
                _ => Fate::Unread,
            };
            let entry = r#"{"provider":"grok","endpoint":"v1/chat/completions","query":{}}]"#;
            match is_universal {
                true => meets(fate, &budget, UNIVERSAL, "[", entry),
                false => meets(fate, &budget, UNIFIED, "{", r#""model":"grok/grok-4"}"#),
            }
            prop_assert_eq!(budget.used(), 0, "{:?}", fate);
        }
    }
}
