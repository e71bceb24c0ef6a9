//! A broken HTTP/2 connection is the provider's fault; a request body that breaks off is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::channel::Channel;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{GatewayLayer, HttpClient, Mount, Provider, RequestBody};

use crate::connections::frames::{Frames, ok};
use crate::connections::soon;
use crate::support::frames::{DATA, END_HEADERS, GOAWAY, HEADERS, RST_STREAM, frame};
use crate::support::scripted::events::Events;

type Upload = UnsyncBoxBody<Bytes, BoxError>;
type Client = HttpClient<ReplayBody<RequestBody<Upload>>>;

const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Break {
    Close,
    Reset,
    /// GOAWAY with the last processed stream and a reason.
    GoAway(u32, u32),
    ResetStream(u32),
    /// An answer over HTTP/1.1.
    OtherProtocol,
    /// DATA without a stream.
    StrayData,
    /// A header block that cannot be decoded.
    BadHeaders,
}

const BREAKS: [Break; 13] = [
    Break::Close,
    Break::Reset,
    Break::GoAway(0, NO_ERROR),
    Break::GoAway(0, ENHANCE_YOUR_CALM),
    Break::GoAway(1, INTERNAL_ERROR),
    Break::ResetStream(REFUSED_STREAM),
    Break::ResetStream(INTERNAL_ERROR),
    Break::ResetStream(PROTOCOL_ERROR),
    Break::ResetStream(CANCEL),
    Break::ResetStream(NO_ERROR),
    Break::OtherProtocol,
    Break::StrayData,
    Break::BadHeaders,
];

impl Break {
    async fn happen(self, mut frames: Frames) {
        match self {
            Self::Close => frames.close().await,
            Self::Reset => frames.reset(),
            Self::GoAway(last, reason) => {
                let payload = [last.to_be_bytes(), reason.to_be_bytes()].concat();
                frames.send(&frame(GOAWAY, 0, 0, &payload)).await;
                frames.close().await;
            }
            Self::ResetStream(reason) => {
                frames.send(&frame(RST_STREAM, 0, 1, &reason.to_be_bytes())).await;
                frames.drain().await;
            }
            Self::OtherProtocol => {
                frames.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
                frames.drain().await;
            }
            Self::StrayData => {
                frames.send(&frame(DATA, 0, 0, b"stray")).await;
                frames.drain().await;
            }
            Self::BadHeaders => {
                frames.send(&frame(HEADERS, END_HEADERS, 1, &[0xff; 8])).await;
                frames.drain().await;
            }
        }
    }

    /// Returns true if the provider's client detects the error.
    fn is_of_protocol(self) -> bool {
        matches!(self, Self::OtherProtocol | Self::StrayData | Self::BadHeaders)
    }
}

#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After the head of the request.
    Head,
    /// After a part of its body.
    Upload,
}

#[derive(Clone, Copy, Debug)]
enum Sends {
    Nothing,
    AllAtOnce,
    /// A body larger than the provider's window.
    TooMuch,
    /// A part of a body, and then nothing.
    APart,
}

impl Sends {
    fn body(self) -> (Upload, Option<http_body_util::channel::Sender<Bytes, BoxError>>) {
        let full = |bytes| Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
        match self {
            Self::Nothing => (Empty::new().map_err(|never| match never {}).boxed_unsync(), None),
            Self::AllAtOnce => (full(Bytes::from_static(b"{}")), None),
            Self::TooMuch => (full(Bytes::from(vec![b' '; 1 << 20])), None),
            Self::APart => {
                let (mut sender, body) = Channel::new(1);
                sender.try_send(http_body::Frame::data(Bytes::from_static(b"{"))).unwrap();
                (body.boxed_unsync(), Some(sender))
            }
        }
    }
}

struct Upstream {
    base: String,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    /// Breaks its first connection and answers on all others.
    async fn start(how: Break, when: Moment) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let connections = Arc::<AtomicUsize>::default();
        let counter = connections.clone();
        tokio::spawn(async move {
            loop {
                let mut frames = Frames::accept(&listener).await;
                let number = counter.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    frames.begin(100).await;
                    frames.next(HEADERS).await;
                    match when {
                        _ if number > 0 => {
                            frames.send(&ok(1)).await;
                            frames.drain().await;
                        }
                        Moment::Head => how.happen(frames).await,
                        Moment::Upload => {
                            frames.next(DATA).await;
                            how.happen(frames).await;
                        }
                    }
                });
            }
        });
        Self { base, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    async fn answer(&self, request: Request<Upload>, events: &Events) -> Response<Bytes> {
        let client = HttpClient::builder().http2_prior_knowledge().build().unwrap();
        answer(&self.base, client, request, events).await
    }
}

/// The answers of a gateway with this provider.
async fn answer(
    base: &str,
    client: Client,
    request: Request<Upload>,
    events: &Events,
) -> Response<Bytes> {
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(base))
        .mount(Mount::at("/ai"))
        .metrics_hook(events.clone())
        .build()
        .unwrap()
        .upstream(ControlLayer::new().layer(client));
    let service = gateway.layer(axum::Router::new());
    let (head, body) = soon(service.oneshot(request)).await.unwrap().into_parts();
    Response::from_parts(head, soon(body.collect()).await.unwrap().to_bytes())
}

fn request(body: Upload) -> Request<Upload> {
    Request::post("/ai/grok/v1/x").body(body).unwrap()
}

#[track_caller]
fn is_refused(answer: &Response<Bytes>, status: u16, code: u16, what: &str) {
    let text = String::from_utf8_lossy(answer.body());
    assert_eq!(answer.status(), status, "{what}: {text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(json.to_string().contains(&code.to_string()), "{what}: {text}");
}

async fn each(test: impl AsyncFn(Break, Moment, Sends)) {
    for how in BREAKS {
        for sends in [Sends::Nothing, Sends::AllAtOnce, Sends::TooMuch, Sends::APart] {
            test(how, Moment::Head, sends).await;
            if !matches!(sends, Sends::Nothing) {
                test(how, Moment::Upload, sends).await;
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_502_whatever_is_sent() {
    each(async |how, when, sends| {
        let (upstream, events) = (Upstream::start(how, when).await, Events::default());
        let what = format!("{how:?} {when:?} {sends:?}");
        let (body, _sender) = sends.body();
        let answer = upstream.answer(request(body), &events).await;
        is_refused(&answer, 502, 2005, &what);
        let failure = events.end().failure;
        match how.is_of_protocol() {
            true => assert_eq!(failure, Some(Failure::Protocol), "{what}"),
            false => assert_eq!(failure, Some(Failure::Reset), "{what}"),
        }
        assert_eq!(upstream.connections(), 1, "{what}");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_met_by_another_attempt() {
    for how in BREAKS.into_iter().filter(|how| !how.is_of_protocol()) {
        for sends in [Sends::Nothing, Sends::AllAtOnce] {
            let (upstream, events) = (Upstream::start(how, Moment::Head).await, Events::default());
            let mut request = request(sends.body().0);
            request.headers_mut().insert("cf-aig-max-attempts", "2".parse().unwrap());
            request.headers_mut().insert("cf-aig-retry-delay", "0".parse().unwrap());
            let answer = upstream.answer(request, &events).await;
            assert_eq!(answer.status(), 200, "{how:?} {sends:?} {:?}", answer.body());
            assert_eq!(upstream.connections(), 2, "{how:?} {sends:?}");
            let reported = events.reported();
            assert_eq!(
                reported,
                [(1, 0, "reset".into()), (2, 0, "200".into())],
                "{how:?} {sends:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_clients() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let upstream = Upstream { base, connections: Arc::default() };
    for is_begun in [false, true] {
        let events = Events::default();
        let (body, sender) = Sends::APart.body();
        let provider = async {
            let mut frames = Frames::accept(&listener).await;
            frames.begin(100).await;
            frames.next(HEADERS).await;
            if is_begun {
                frames.next(DATA).await;
            }
            sender.unwrap().abort("the client is gone".into());
            frames.next(RST_STREAM).await;
            frames.drain().await;
        };
        let (answer, ()) =
            tokio::join!(async { upstream.answer(request(body), &events).await }, provider,);
        assert_eq!(answer.status(), 400, "{is_begun} {:?}", answer.body());
        assert_eq!(events.end().failure, Some(Failure::RequestBody), "{is_begun}");
    }
}

#[tokio::test]
async fn those_that_wait_for_a_stream_are_not_to_blame_either() {
    let breaks = [Break::Close, Break::Reset, Break::GoAway(0, NO_ERROR), Break::OtherProtocol];
    for how in breaks.into_iter().chain([Break::GoAway(1, INTERNAL_ERROR)]) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let provider = tokio::spawn(async move {
            let mut first = Frames::accept(&listener).await;
            first.begin(1).await;
            first.next(HEADERS).await;
            // Meanwhile the others start to wait: one for the stream, the rest for that one.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            tokio::spawn(how.happen(first));
            loop {
                let mut frames = Frames::accept(&listener).await;
                tokio::spawn(async move {
                    frames.begin(100).await;
                    while let Some(stream) = frames.try_next(HEADERS).await {
                        frames.send(&ok(stream)).await;
                    }
                });
            }
        });
        let events = Events::default();
        let client = HttpClient::builder().http2_prior_knowledge().connections_per_origin(1);
        let client: Client = client.build().unwrap();
        let answers = (0..6).map(|_| async {
            let (body, _sender) = Sends::APart.body();
            answer(&base, client.clone(), request(body), &events).await
        });
        for answer in join_all(answers).await {
            if answer.status() != 200 {
                is_refused(&answer, 502, 2005, &format!("{how:?}"));
            }
        }
        let ends = events.ends.lock().unwrap().clone();
        let failed = ends.iter().filter_map(|end| end.failure);
        for failure in failed {
            assert!(matches!(failure, Failure::Reset | Failure::Protocol), "{how:?} {failure}");
        }
        provider.abort();
    }
}
