//! What stands around a gateway in memory: the host's app, and a hook that records events.

mod end;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tower_ai_gateway::hook::{AttemptEvent, Failure, HeadEvent, RequestEvent};
use tower_ai_gateway::{EndEvent, MetricsHook};

pub use self::end::End;

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
