//! Two hosts of one provider, each with its own key, which do what a request specifies.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;
use tower::BoxError;

use super::books::Books;
use super::support::hyper_upstream::{HyperUpstream, UpstreamBody, body};

/// The cost of each whole answer.
pub(crate) const TICKS: u64 = 1_000;

const USAGE: &str =
    r#"{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"cost_in_usd_ticks":1000}"#;

pub(crate) struct Hosts {
    pub(crate) bases: [String; 2],
}

/// The key of a host.
pub(crate) fn key(host: usize) -> String {
    format!("key-of-host-{host}")
}

impl Hosts {
    pub(crate) async fn start(books: &Arc<Books>) -> Self {
        Self { bases: [start(0, books).await, start(1, books).await] }
    }
}

async fn start(host: usize, books: &Arc<Books>) -> String {
    let books = books.clone();
    let upstream = HyperUpstream::start(move |request| answer(host, books.clone(), request)).await;
    upstream.base("/v1")
}

async fn answer(
    host: usize,
    books: Arc<Books>,
    request: Request<Incoming>,
) -> Response<UpstreamBody> {
    Books::count(&books.called);
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    if header("authorization") != Some(format!("Bearer {}", key(host))) {
        Books::count(&books.foreign_keys);
    }
    let course = header("x-course").unwrap();
    if course == "early" {
        // The rest of the upload is never read.
        return json(StatusCode::PAYLOAD_TOO_LARGE, r#"{"error":"too large"}"#);
    }
    if request.into_body().collect().await.is_err() {
        return json(StatusCode::BAD_REQUEST, r#"{"error":"half a body"}"#);
    }
    match &*course {
        "json" | "http2" | "routed" | "fat" => {
            Books::count(&books.written);
            let text = format!(r#"{{"model":"grok-4","choices":[],"usage":{USAGE}}}"#);
            json(StatusCode::OK, &text)
        }
        "stream" => stream(20, Duration::from_millis(2), End::Whole(books)),
        "leaves" => stream(1_000, Duration::from_millis(20), End::Whole(books)),
        "unread" => stream(usize::MAX, Duration::ZERO, End::Broken),
        "broken" => stream(3, Duration::ZERO, End::Broken),
        "failing" => json(StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"on purpose"}"#),
        "silent" => std::future::pending().await,
        other => panic!("nobody asks for this: {other}"),
    }
}

fn json(status: StatusCode, text: &str) -> Response<UpstreamBody> {
    let builder = Response::builder().status(status).header("content-type", "application/json");
    builder.body(body(text.to_owned())).unwrap()
}

enum End {
    Whole(Arc<Books>),
    Broken,
}

fn stream(events: usize, pause: Duration, end: End) -> Response<UpstreamBody> {
    let (sender, receiver) = mpsc::channel::<Result<Frame<Bytes>, BoxError>>(1);
    tokio::spawn(async move {
        let padding = "x".repeat(if events == usize::MAX { 16_384 } else { 64 });
        let event = format!(
            "data: {{\"model\":\"grok-4\",\"choices\":[{{\"delta\":{{\"content\":\"{padding}\"}}}}]}}\n\n"
        );
        let event = Bytes::from(event);
        for _ in 0..events {
            if sender.send(Ok(Frame::data(event.clone()))).await.is_err() {
                return;
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        match end {
            End::Whole(books) => {
                Books::count(&books.written);
                let last = format!(
                    "data: {{\"model\":\"grok-4\",\"choices\":[],\"usage\":{USAGE}}}\n\ndata: [DONE]\n\n"
                );
                let _ = sender.send(Ok(Frame::data(last.into()))).await;
            }
            End::Broken => {
                let _ = sender.send(Err("broken off".into())).await;
            }
        }
    });
    let frames = futures_util::stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    });
    let body = UpstreamBody::new(StreamBody::new(Box::pin(frames)));
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}
