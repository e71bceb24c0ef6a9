//! Providers in memory: each call is recorded and answered by a rule.

mod call;
pub mod events;
mod reply;
pub mod steps;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::time::Instant;
use tower::{BoxError, Service};

pub use self::call::Call;
pub use self::reply::Reply;
pub use self::steps::Step;

pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;
pub type Answer = Result<Response<AnswerBody>, BoxError>;

/// What a rule decides: an answer to send at once, or a [`Reply`].
pub enum Decision {
    Now(Box<Answer>),
    Reply(Reply),
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        Self::Now(Box::new(answer))
    }
}

impl From<Reply> for Decision {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

type Held = Pin<Box<dyn Send>>;
type Rule = dyn Fn(&Call, usize) -> Decision + Send + Sync;

/// All providers in one: the URI says which one is called.
#[derive(Clone)]
pub struct Upstream {
    rule: Arc<Rule>,
    began: Instant,
    calls: Arc<Mutex<Vec<Call>>>,
    begun: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
    /// The number of body frames that it reads before it answers.
    reads: Arc<AtomicUsize>,
    /// Unread bodies, held like by a connection.
    held: Arc<Mutex<Vec<Held>>>,
}

impl Upstream {
    /// The rule gets the call and the number of earlier ones.
    pub fn new<D: Into<Decision>>(
        rule: impl Fn(&Call, usize) -> D + Send + Sync + 'static,
    ) -> Self {
        Self {
            rule: Arc::new(move |call, before| rule(call, before).into()),
            began: Instant::now(),
            calls: Arc::default(),
            begun: Arc::default(),
            answered: Arc::default(),
            reads: Arc::new(usize::MAX.into()),
            held: Arc::default(),
        }
    }

    /// Does the same with every call.
    pub fn always(reply: Reply) -> Self {
        Self::new(move |_, _| reply.clone())
    }

    /// Answers every call with 200 and this body.
    pub fn steps(steps: impl Into<Vec<Step>>) -> Self {
        Self::always(Reply::status(200).steps(steps))
    }

    /// Can never be reached.
    pub fn refused() -> Self {
        Self::always(Reply::fails(std::io::ErrorKind::ConnectionRefused))
    }

    /// From now on, answers before it has read the whole body, and keeps the rest open.
    pub fn reads(self, frames: usize) -> Self {
        self.reads.store(frames, Ordering::SeqCst);
        self
    }

    /// The number of calls, answered or not.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// All calls, those as well whose body broke off.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The calls since the last one of this.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// The number of answered calls.
    pub fn count(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
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
            let (mut read, mut end) = (Vec::new(), None);
            for _ in 0..this.reads.load(Ordering::SeqCst) {
                match body.frame().await {
                    Some(Ok(frame)) => {
                        read.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                    }
                    Some(Err(error)) => end = Some(Err(error.into())),
                    None => end = Some(Ok(())),
                }
                if end.is_some() {
                    break;
                }
            }
            if end.is_none() {
                this.held.lock().unwrap().push(body);
            }
            let is_whole = matches!(end, Some(Ok(())));
            let http::request::Parts { method, uri, headers, extensions, .. } = head;
            let call = Call { at, method, uri, headers, extensions, body: read, is_whole };
            this.calls.lock().unwrap().push(call.clone());
            end.transpose()?;
            let before = this.answered.fetch_add(1, Ordering::SeqCst);
            match (this.rule)(&call, before) {
                Decision::Now(answer) => *answer,
                Decision::Reply(reply) => reply.send().await,
            }
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
