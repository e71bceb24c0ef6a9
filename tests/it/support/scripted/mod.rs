//! Providers in memory: each call is answered by a rule and recorded.

pub mod events;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::time::Instant;
use tower::{BoxError, Service};

pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;
pub type Answer = Result<Response<AnswerBody>, BoxError>;

/// A call as received by a provider.
#[derive(Clone, Debug)]
pub struct Call {
    /// The time since the provider was created.
    pub at: Duration,
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The body was complete.
    pub is_whole: bool,
}

impl Call {
    pub fn authority(&self) -> &str {
        self.uri.authority().unwrap().as_str()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice");
        value.map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}

type Held = Pin<Box<dyn Send>>;
type Rule = dyn Fn(&Call, usize) -> Answer + Send + Sync;

/// All providers in one: the URI says which one is called.
#[derive(Clone)]
pub struct Upstream {
    rule: Arc<Rule>,
    began: Instant,
    calls: Arc<Mutex<Vec<Call>>>,
    begun: Arc<AtomicUsize>,
    /// The number of body frames that it reads before it answers.
    reads: usize,
    /// Unread bodies, held like by a connection.
    held: Arc<Mutex<Vec<Held>>>,
}

impl Upstream {
    /// The rule gets the call and the number of earlier ones.
    pub fn new(rule: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            rule: Arc::new(rule),
            began: Instant::now(),
            calls: Arc::default(),
            begun: Arc::default(),
            reads: usize::MAX,
            held: Arc::default(),
        }
    }

    /// Answers before it has read the whole body, and keeps the rest open.
    pub fn reads(mut self, frames: usize) -> Self {
        self.reads = frames;
        self
    }

    /// The number of calls, answered or not.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// The times of its calls, in milliseconds.
    pub fn times(&self) -> Vec<u64> {
        self.calls().iter().map(|call| call.at.as_millis() as u64).collect()
    }

    /// The authorities of its calls, in order.
    pub fn authorities(&self) -> Vec<String> {
        self.calls().iter().map(|call| call.authority().to_owned()).collect()
    }
}

impl<B> Service<Request<B>> for Upstream
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        this.begun.fetch_add(1, Ordering::SeqCst);
        let at = this.began.elapsed();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let mut body = Box::pin(body);
            let (mut read, mut is_whole) = (Vec::new(), false);
            for _ in 0..this.reads {
                match body.frame().await {
                    Some(frame) => {
                        let frame = frame.map_err(Into::into)?;
                        read.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                    }
                    None => {
                        is_whole = true;
                        break;
                    }
                }
            }
            if !is_whole {
                this.held.lock().unwrap().push(body);
            }
            let http::request::Parts { method, uri, headers, .. } = head;
            let call = Call { at, method, uri, headers, body: read, is_whole };
            let before = {
                let mut calls = this.calls.lock().unwrap();
                calls.push(call.clone());
                calls.len() - 1
            };
            (this.rule)(&call, before)
        })
    }
}

pub fn full(body: impl Into<Bytes>) -> AnswerBody {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that breaks off after these frames.
pub fn broken(frames: &[&'static str]) -> AnswerBody {
    let data = frames.iter().map(|data| Ok(Frame::data(Bytes::from_static(data.as_bytes()))));
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let all = data.chain([Err::<_, BoxError>(reset.into())]);
    StreamBody::new(futures_util::stream::iter(all.collect::<Vec<_>>())).boxed_unsync()
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(full(body)).unwrap())
}

pub fn json(status: u16, body: &str) -> Answer {
    answer(status, &[("content-type", "application/json")], body.to_owned())
}

pub fn fails(kind: std::io::ErrorKind) -> Answer {
    Err(std::io::Error::from(kind).into())
}

/// A whole body, or the part before it broke off.
pub async fn read<B>(body: B) -> Result<Vec<u8>, Vec<u8>>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Err(_) => return Err(read),
        }
    }
    Ok(read)
}
