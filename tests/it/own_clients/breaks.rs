//! Failures on the way to a provider, with different clients in each position.

use std::fmt::Debug;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, Mount, Outcome, Provider, RequestBody};

use crate::own_clients::{Upload, full};
use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, body};
use crate::support::message::{STREAM_HEAD, chunk};
use crate::support::raw_upstream::RawUpstream;
use crate::support::scripted::events::Events;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Break {
    Refused,
    /// A host that cannot be resolved.
    Nowhere,
    /// An untrusted certificate.
    Distrusted,
    /// The kernel accepts TCP, and TLS never answers.
    SilentTls,
    /// The connection ends after the request.
    Closed,
    Reset,
    /// The answer is not HTTP.
    OtherProtocol,
    /// The request is read and not answered.
    Silent,
    /// A stream starts and ends in the middle.
    ClosedLater,
    ResetLater,
    /// A stream starts and then stalls.
    SilentLater,
    /// The client breaks off its upload.
    Upload,
}

impl Break {
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Refused | Self::Nowhere | Self::Distrusted => Failure::Connect,
            Self::SilentTls => Failure::ConnectTimeout,
            Self::Closed | Self::Reset | Self::ClosedLater | Self::ResetLater => Failure::Reset,
            Self::OtherProtocol => Failure::Protocol,
            Self::Silent => Failure::HeadTimeout,
            Self::SilentLater => Failure::IdleTimeout,
            Self::Upload => Failure::RequestBody,
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::ClosedLater | Self::ResetLater | Self::SilentLater => Outcome::Broken,
            _ => Outcome::Failed,
        }
    }

    fn status(self) -> Option<u16> {
        Some(match self {
            Self::ClosedLater | Self::ResetLater | Self::SilentLater => 200,
            Self::SilentTls | Self::Silent => 504,
            Self::Upload => 400,
            _ => 502,
        })
    }

    fn is_worth_a_retry(self) -> bool {
        matches!(self.failure(), Failure::Connect | Failure::ConnectTimeout | Failure::Reset)
            && self.outcome() == Outcome::Failed
    }

    /// A provider that breaks every exchange in this way.
    async fn provider(self) -> String {
        match self {
            Self::Refused => format!("http://{}/v1", gone()),
            Self::Nowhere => "http://nowhere.invalid/v1".to_owned(),
            Self::Distrusted => {
                let upstream = HyperUpstream::start_tls(&[], async |_| Response::new(body("ok")));
                upstream.await.base("/v1")
            }
            _ => {
                let mut upstream = RawUpstream::start().await;
                let scheme = if self == Self::SilentTls { "https" } else { "http" };
                let base = format!("{scheme}://{}/v1", upstream.addr());
                tokio::spawn(async move {
                    let mut open = Vec::new();
                    loop {
                        let mut wire = upstream.accept().await;
                        if matches!(self, Self::SilentTls | Self::Upload) {
                            open.push(wire);
                            continue;
                        }
                        wire.read_message().await;
                        match self {
                            Self::Closed => drop(wire),
                            Self::Reset => wire.reset(),
                            Self::OtherProtocol => {
                                wire.send(b"this is not HTTP\r\n\r\n").await;
                                open.push(wire);
                            }
                            Self::Silent => open.push(wire),
                            Self::ClosedLater => wire.send(begun()).await,
                            Self::ResetLater => {
                                wire.send(begun()).await;
                                wire.reset();
                            }
                            Self::SilentLater => {
                                wire.send(begun()).await;
                                open.push(wire);
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                });
                base
            }
        }
    }

    fn request(self) -> Request<Upload> {
        let request = Request::post("/ai/grok/v1/x");
        if self == Self::Upload {
            let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
            sender.try_send(http_body::Frame::data(Bytes::from_static(b"{"))).unwrap();
            // Sent data is read first.
            tokio::spawn(async move { sender.abort("the client is gone".into()) });
            return request.body(body.boxed_unsync()).unwrap();
        }
        request.body(full("{}")).unwrap()
    }
}

/// Bound and closed again, so nobody listens there.
pub(crate) fn gone() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn begun() -> Vec<u8> {
    [STREAM_HEAD, &chunk(b"data: {}\n\n")].concat()
}

pub(crate) fn layer(base: String, events: &Events) -> GatewayLayerBuilder {
    GatewayLayer::builder()
        .provider(Provider::xai().base_url(base))
        .mount(Mount::at("/ai"))
        .metrics_hook(events.clone())
}

#[track_caller]
fn check(how: Break, events: &Events, position: &str) {
    let end = events.end();
    assert_eq!(end.failure, Some(how.failure()), "{how:?} {position}: {end:?}");
    assert_eq!(end.outcome, how.outcome(), "{how:?} {position}");
    // The error must not contain the URL, which may contain keys.
    assert!(!end.debug.contains("127.0.0.1"), "{}", end.debug);
}

/// The gateway around the client.
pub(crate) async fn around<C, R>(client: C, breaks: &[Break])
where
    C: Service<Request<RequestBody<Upload>>, Response = Response<R>> + Clone,
    C::Error: Debug + 'static,
    R: Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError> + Debug,
{
    for how in breaks {
        let events = Events::default();
        let gateway = layer(how.provider().await, &events)
            .build()
            .unwrap()
            .client_layer()
            .layer(client.clone());
        let answer = guard("an answer", gateway.oneshot(how.request())).await;
        match answer {
            Ok(response) => {
                assert_eq!(Some(response.status().as_u16()), how.status(), "{how:?}");
                let body = guard("the end of the body", response.into_body().collect()).await;
                assert!(body.is_err(), "{how:?}");
            }
            Err(_) => assert_eq!(how.outcome(), Outcome::Failed, "{how:?}"),
        }
        check(*how, &events, "around");
    }
}

/// The client as the gateway's upstream, beside an app.
pub(crate) async fn beside<C, R>(client: C, breaks: &[Break])
where
    C: Service<Request<RequestBody<Upload>>, Response = Response<R>> + Clone,
    C::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError> + Debug,
{
    for how in breaks {
        let events = Events::default();
        let layer = layer(how.provider().await, &events).build().unwrap().upstream(client.clone());
        let gateway = layer.layer(axum::Router::new());
        let response = guard("an answer", gateway.oneshot(how.request())).await.unwrap();
        assert_eq!(Some(response.status().as_u16()), how.status(), "{how:?}");
        let body = guard("the end of the body", response.into_body().collect()).await;
        assert_eq!(body.is_err(), how.outcome() == Outcome::Broken, "{how:?}");
        check(*how, &events, "beside");
    }
}

/// The client below the control layers: failures that allow a retry get one.
pub(crate) async fn controlled<C, R>(client: C, breaks: &[Break])
where
    C: Service<Request<ReplayBody<RequestBody<Upload>>>, Response = Response<R>>,
    C: Clone + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    R: Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
{
    for how in breaks {
        let events = Events::default();
        let upstream = ControlLayer::new().layer(client.clone());
        let layer = layer(how.provider().await, &events).build().unwrap().upstream(upstream);
        let gateway = layer.layer(axum::Router::new());
        let mut request = how.request();
        request.headers_mut().insert("cf-aig-max-attempts", "2".parse().unwrap());
        request.headers_mut().insert("cf-aig-retry-delay", "0".parse().unwrap());
        let response = guard("an answer", gateway.oneshot(request)).await.unwrap();
        assert_eq!(Some(response.status().as_u16()), how.status(), "{how:?}");
        let _ = guard("the end of the body", response.into_body().collect()).await;
        check(*how, &events, "controlled");
        let attempts = if how.is_worth_a_retry() { 2 } else { 1 };
        assert_eq!(events.reported().len(), attempts, "{how:?}: {:?}", events.reported());
    }
}
