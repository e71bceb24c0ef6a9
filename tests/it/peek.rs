//! The memory of a model-routed body while its model is searched, and the detection of its end.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{BoxError, Layer, ServiceExt, service_fn};
#[cfg(feature = "client")]
use tower_ai_gateway::HttpClient;
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

use crate::support::scripted::steps::Steps;
use crate::support::scripted::{Step, Upstream};

const UNIFIED: &str = "/v1/acct/gw/compat/chat/completions";

fn layer(peek_limit: usize) -> GatewayLayer {
    GatewayLayer::builder().provider(Provider::xai()).peek_limit(peek_limit).build().unwrap()
}

/// The same frame many times, then nothing.
struct Flood {
    frame: &'static [u8],
    left: usize,
}

impl Body for Flood {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Pending };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.frame)))))
    }
}

/// The maximum memory held for a body that never reaches its model.
fn held(frame: &'static [u8], frames: usize) -> u64 {
    let service = layer(32 << 20).client_layer().layer(Upstream::steps(&[]));
    let request = Request::post(UNIFIED).body(Flood { frame, left: frames }).unwrap();
    let measured = allocation_counter::measure(|| {
        let mut call = pin!(service.oneshot(request));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
    measured.bytes_max
}

#[test]
fn small_frames_take_little_more_memory_than_their_bytes() {
    assert!(held(b"", 1_000_000) < 16 * 1024, "empty frames cost nothing");
    let held = held(b" ", 4 << 20);
    assert!(held < 6 << 20, "{held} bytes are held for 4 MiB in frames of one byte");
}

/// Like HTTP/2: the end becomes known between two polls, from a separate frame.
struct EndsApart {
    frames: VecDeque<&'static str>,
    ended: Arc<AtomicBool>,
    left: Option<u64>,
}

impl Body for EndsApart {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            Some(data) => {
                self.left = self.left.map(|left| left - data.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))))
            }
            None if self.ended.load(Ordering::SeqCst) => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.ended.load(Ordering::SeqCst)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// Reads like hyper: a body whose `is_end_stream` is true is not polled again.
async fn read_as_hyper<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<(), B::Error> {
    while !body.is_end_stream() && body.size_hint().exact() != Some(0) {
        let Some(frame) = body.frame().await else { break };
        frame?;
    }
    Ok(())
}

#[tokio::test]
async fn a_body_cut_short_is_refused_however_it_ends() {
    let short = [r#"{"model":"grok/grok-4","#, r#""a":["#];
    for (frames, left) in [
        (VecDeque::from(["{\"model\":\"grok/grok-4\",\"a\":["]), None),
        (VecDeque::from(short), None),
        (VecDeque::from(short), Some(29)),
    ] {
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        let client = service_fn(move |request: Request<RequestBody<EndsApart>>| {
            end.store(true, Ordering::SeqCst);
            async move {
                read_as_hyper(request.into_body()).await?;
                Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
            }
        });
        let request = Request::post(UNIFIED).body(EndsApart { frames, ended, left }).unwrap();
        let response = layer(1024).client_layer().layer(client).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 400, "{left:?}");
    }
}

#[tokio::test]
async fn a_refused_body_has_no_more_frames() {
    let frames = [r#"{"model":"grok/m","#, r#""model":"openai/x","#, r#""x":1}"#];
    let body = StreamBody::new(futures_util::stream::iter(
        frames.map(|data| Ok::<_, BoxError>(Frame::data(Bytes::from_static(data.as_bytes())))),
    ));
    let client = service_fn(|request: Request<RequestBody<_>>| async move {
        let mut body = request.into_body();
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.frame().await.is_none());
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    layer(1024)
        .client_layer()
        .layer(client)
        .oneshot(Request::post(UNIFIED).body(body).unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn around_a_client_other_requests_keep_their_trailers() {
    let frames = || {
        let mut trailers = HeaderMap::new();
        for name in ["x-sum", "x-real-ip", "set-cookie", "authorization", "cf-aig-x"] {
            trailers.insert(name, "1".parse().unwrap());
        }
        let frames = [
            Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"a"))),
            Ok(Frame::trailers(trailers)),
        ];
        StreamBody::new(futures_util::stream::iter(frames))
    };
    let seen = Arc::new(Mutex::new(0));
    let note = seen.clone();
    let client = service_fn(move |request: Request<RequestBody<_>>| {
        let note = note.clone();
        async move {
            let body = request.into_body().collect().await?;
            *note.lock().unwrap() = body.trailers().map_or(0, HeaderMap::len);
            Ok::<_, BoxError>(Response::new(frames()))
        }
    });
    let response = layer(1024)
        .client_layer()
        .layer(client)
        .oneshot(Request::post("/health").body(frames()).unwrap())
        .await
        .unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!((*seen.lock().unwrap(), body.trailers().unwrap().len()), (5, 5));
}

#[tokio::test]
async fn debug_shows_no_body() {
    let client = service_fn(|request: Request<RequestBody<Steps>>| async move {
        assert!(!format!("{request:?}").contains("a prompt"));
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::from("an answer")))
    });
    let body = Steps::new(&[Step::Data(r#"{"user":"a prompt","model":"grok/m"}"#)]);
    let response = layer(1024)
        .client_layer()
        .layer(client)
        .oneshot(Request::post(UNIFIED).body(body).unwrap())
        .await
        .unwrap();
    assert!(!format!("{response:?}").contains("an answer"));
    let provider = Provider::xai().base_url("https://user:hunter2@api.x.ai/v1");
    assert!(!format!("{provider:?}").contains("hunter2"));
}

#[cfg(feature = "client")]
#[test]
fn the_body_type_of_a_configured_client_is_inferred() {
    let client = HttpClient::builder().http1_only().build().unwrap();
    let _: axum::Router = axum::Router::new().layer(layer(1024).upstream(client));
}
