//! A scripted upstream in memory, controlled poll by poll, and a hook that records events.

mod end;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tower::{BoxError, Service};
use tower_ai_gateway::hook::{AttemptEvent, Failure, HeadEvent, RequestEvent};
use tower_ai_gateway::{EndEvent, MetricsHook, RequestBody};

pub use self::end::End;

/// What happens at one poll.
#[derive(Clone, Debug)]
pub enum Step {
    Pending,
    Data(&'static str),
    Trailers,
    Error,
}

/// A body that takes one step per poll. A pending step wakes its task at once.
#[derive(Debug)]
pub struct Steps(VecDeque<Step>);

impl Steps {
    pub fn new(steps: &[Step]) -> Self {
        Self(steps.iter().cloned().collect())
    }
}

impl Body for Steps {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(match self.0.pop_front() {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))),
            Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Step::Error) => {
                Some(Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()))
            }
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        })
    }
}

/// Reads the whole request, waits some polls, then answers.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub pending: usize,
    pub answer: Result<StatusCode, &'static str>,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: Vec<Step>,
}

impl Upstream {
    pub fn ok(body: &[Step]) -> Self {
        Self { pending: 0, answer: Ok(StatusCode::OK), headers: &[], body: body.to_vec() }
    }

    pub fn pending(mut self, polls: usize) -> Self {
        self.pending = polls;
        self
    }

    pub fn fails() -> Self {
        Self { pending: 0, answer: Err("refused"), headers: &[], body: Vec::new() }
    }
}

impl<B> Service<Request<RequestBody<B>>> for Upstream
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Steps>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Steps>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<B>>) -> Self::Future {
        let Self { pending, answer, headers, body } = self.clone();
        Box::pin(async move {
            request.into_body().collect().await?;
            for _ in 0..pending {
                yield_once().await;
            }
            let status =
                answer.map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused))?;
            let mut response = Response::new(Steps::new(&body));
            *response.status_mut() = status;
            for (name, value) in headers {
                response.headers_mut().append(*name, value.parse().unwrap());
            }
            Ok(response)
        })
    }
}

/// One pending poll.
pub async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The host's app: answers `app` to everything.
pub async fn app<B>(_: Request<B>) -> Result<Response<http_body_util::Full<Bytes>>, Infallible> {
    Ok(Response::new(http_body_util::Full::from("app")))
}

#[derive(Clone, Debug)]
pub enum Seen {
    Request,
    Attempt { number: u32, status: Option<StatusCode>, failure: Option<Failure> },
    Head { stream: bool },
    End(Box<End>),
}

/// A hook that records all events.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<Seen>>>);

impl Recorder {
    pub fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    pub fn ends(&self) -> Vec<End> {
        let end = |seen| if let Seen::End(end) = seen { Some(*end) } else { None };
        self.seen().into_iter().filter_map(end).collect()
    }

    /// The only end event.
    pub fn end(&self) -> End {
        let ends = self.ends();
        assert_eq!(ends.len(), 1, "{ends:?}");
        ends.into_iter().next().unwrap()
    }

    /// The names of all events in order.
    pub fn order(&self) -> String {
        let name = |seen: &Seen| match seen {
            Seen::Request => "request",
            Seen::Attempt { .. } => "attempt",
            Seen::Head { .. } => "head",
            Seen::End(_) => "end",
        };
        self.seen().iter().map(name).collect::<Vec<_>>().join(" ")
    }

    fn push(&self, seen: Seen) {
        self.0.lock().unwrap().push(seen);
    }
}

impl MetricsHook for Recorder {
    fn on_request(&self, _: &RequestEvent<'_>) {
        self.push(Seen::Request);
    }

    fn on_attempt(&self, attempt: &AttemptEvent<'_>) {
        let AttemptEvent { number, status, failure, .. } = *attempt;
        self.push(Seen::Attempt { number, status, failure });
    }

    fn on_head(&self, head: &HeadEvent<'_>) {
        self.push(Seen::Head { stream: head.stream });
    }

    fn on_end(&self, end: &EndEvent<'_>) {
        self.push(Seen::End(Box::new(End::of(end))));
    }
}
