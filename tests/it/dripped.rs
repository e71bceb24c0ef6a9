//! A client that sends byte by byte makes the gateway hold its bytes, and not a read buffer of the server
//! for each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tower::{BoxError, Layer, ServiceBuilder, service_fn};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::cache::CacheSettings;
use tower_ai_gateway::settings::{GatewaySettings, GatewaySettingsBuilder};
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

use crate::support::gateway::Gateway;
use crate::support::guard;

const BODY: &str = r#"{"model":"grok-4","messages":[{"role":"user","content":"Slowly, please."}]}"#;

/// A slice of a read buffer, counted as long as it is held.
struct Slice(Bytes, Arc<AtomicUsize>);

impl Slice {
    fn of(data: Bytes, held: &Arc<AtomicUsize>) -> Bytes {
        held.fetch_add(1, Ordering::SeqCst);
        Bytes::from_owner(Self(data, held.clone()))
    }
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a provider got: the body, and in how many frames.
type Got = (Bytes, usize);

/// Sends the body byte by byte to a gateway whose provider fails at first, and looks at what is held
/// before the last byte.
async fn drip(
    headers: &str,
    set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
) -> Vec<Got> {
    let held = Arc::<AtomicUsize>::default();
    let (came, mut arrived) = mpsc::unbounded_channel();
    let (reports, mut reported) = mpsc::unbounded_channel();
    let settings = set(GatewaySettings::builder().authenticated_elsewhere()).build().unwrap();
    let gateway =
        GatewayLayer::builder().provider(Provider::xai()).settings(Arc::new(settings)).build();
    let calls = Arc::<AtomicUsize>::default();
    let provider = service_fn(move |request: Request<ReplayBody<RequestBody<_>>>| {
        let (reports, before) = (reports.clone(), calls.fetch_add(1, Ordering::SeqCst));
        async move {
            let (mut body, mut all, mut frames) = (request.into_body(), Vec::new(), 0);
            while let Some(frame) = body.frame().await {
                all.extend_from_slice(&frame?.into_data().unwrap_or_default());
                frames += 1;
            }
            let _ = reports.send((Bytes::from(all), frames));
            let status = if before == 0 { 503 } else { 200 };
            let body = Full::new(Bytes::from_static(b"{}"));
            Ok::<_, BoxError>(Response::builder().status(status).body(body)?)
        }
    });
    let service = ServiceBuilder::new()
        .map_request({
            let held = held.clone();
            move |request: Request<Incoming>| {
                let (held, came) = (held.clone(), came.clone());
                request.map(|body| {
                    let frames = body.map_frame(move |frame| {
                        let _ = came.send(());
                        frame.map_data(|data| Slice::of(data, &held))
                    });
                    frames.boxed_unsync()
                })
            }
        })
        .layer(gateway.unwrap().client_layer())
        .service(ControlLayer::new().layer(provider));
    let gateway = Gateway::serve(service).await;
    let mut client = TcpStream::connect(gateway.addr).await.unwrap();
    client.set_nodelay(true).unwrap();
    let head = format!(
        "POST /v1/acct/gw/grok/v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         authorization: Bearer x\r\ncontent-length: {}\r\n{headers}\r\n",
        BODY.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    for byte in BODY.as_bytes() {
        let before = held.load(Ordering::SeqCst);
        assert!(before <= 2, "{before} slices are held: more than the first and the latest");
        client.write_all(&[*byte]).await.unwrap();
        guard("a frame", arrived.recv()).await.unwrap();
    }
    let mut answer = String::new();
    guard("an answer", client.read_to_string(&mut answer)).await.unwrap();
    let mut all = Vec::new();
    while let Ok(got) = reported.try_recv() {
        all.push(got);
    }
    all
}

#[tokio::test]
async fn a_request_that_may_be_retried_holds_no_read_buffers() {
    let got = drip("cf-aig-max-attempts: 2\r\ncf-aig-retry-delay: 0\r\n", |set| set).await;
    assert_eq!(got, vec![(BODY.into(), BODY.len()); 2]);
}

#[tokio::test]
async fn a_request_that_is_read_for_the_cache_holds_no_read_buffers() {
    let hour = Duration::from_secs(3600);
    let got = drip("", |set| set.cache(CacheSettings::new(hour))).await;
    assert_eq!(got, [(BODY.into(), BODY.len())]);
}
