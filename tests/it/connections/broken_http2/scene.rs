//! A provider that breaks its HTTP/2 connection in each way, at each moment.

use super::*;

pub(super) type Upload = UnsyncBoxBody<Bytes, BoxError>;
pub(super) type Client = HttpClient<ReplayBody<RequestBody<Upload>>>;

pub(super) const NO_ERROR: u32 = 0;
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const INTERNAL_ERROR: u32 = 2;
pub(super) const REFUSED_STREAM: u32 = 7;
pub(super) const CANCEL: u32 = 8;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Break {
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

pub(super) const BREAKS: [Break; 13] = [
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
    pub(super) async fn happen(self, mut frames: Frames) {
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
                while let Some(stream) = frames.try_next(HEADERS).await {
                    frames.send(&ok(stream)).await;
                }
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
    pub(super) fn is_of_protocol(self) -> bool {
        matches!(self, Self::OtherProtocol | Self::StrayData | Self::BadHeaders)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// After the head of the request.
    Head,
    /// After a part of its body.
    Upload,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Sends {
    Nothing,
    AllAtOnce,
    /// A body larger than the provider's window.
    TooMuch,
    /// A part of a body, and then nothing.
    APart,
}

impl Sends {
    pub(super) fn body(self) -> (Upload, Option<http_body_util::channel::Sender<Bytes, BoxError>>) {
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

pub(super) struct Upstream {
    pub(super) base: String,
    pub(super) connections: Arc<AtomicUsize>,
}

impl Upstream {
    /// Breaks its first connection, or resets its first stream, and answers everything else.
    pub(super) async fn start(how: Break, when: Moment) -> Self {
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

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) async fn answer(
        &self,
        request: Request<Upload>,
        events: &Events,
    ) -> Response<Bytes> {
        let client = HttpClient::builder().http2_prior_knowledge().build().unwrap();
        answer(&self.base, client, request, events).await
    }
}

/// The answers of a gateway with this provider.
pub(super) async fn answer(
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

pub(super) fn request(body: Upload) -> Request<Upload> {
    Request::post("/ai/grok/v1/x").body(body).unwrap()
}

#[track_caller]
pub(super) fn is_refused(answer: &Response<Bytes>, status: u16, code: u16, what: &str) {
    let text = String::from_utf8_lossy(answer.body());
    assert_eq!(answer.status(), status, "{what}: {text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(json.to_string().contains(&code.to_string()), "{what}: {text}");
}

pub(super) async fn each(test: impl AsyncFn(Break, Moment, Sends)) {
    for how in BREAKS {
        for sends in [Sends::Nothing, Sends::AllAtOnce, Sends::TooMuch, Sends::APart] {
            test(how, Moment::Head, sends).await;
            if !matches!(sends, Sends::Nothing) {
                test(how, Moment::Upload, sends).await;
            }
        }
    }
}
