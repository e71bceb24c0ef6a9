//! Requests that can be sent again: their bodies are recorded while they are sent.

mod body;
mod edit;
mod error;
mod keeping;
#[cfg_attr(not(feature = "cache"), allow(dead_code, reason = "the cache reads ahead"))]
mod read;
mod recorded_request;
mod recording;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

pub use self::body::ReplayBody;
use self::keeping::{Keeping, fits};
#[cfg(feature = "cache")]
pub(super) use self::read::{Read, Rest};
use self::recorded_request::KeptHead;
pub(crate) use self::recorded_request::RecordedRequest;
use self::recording::Recording;
use crate::context::GatewayContext;
use crate::util::budget::BodyBudget;

/// The default limit of a recorded body, in bytes.
pub(crate) const LIMIT: usize = 16 * 1024 * 1024;

/// Makes requests repeatable for the layers below, such as [`RetryLayer`](super::RetryLayer) and
/// [`FallbackLayer`](super::FallbackLayer).
///
/// The first attempt does not wait for the body: it is recorded while it is sent. If a body exceeds
/// the [limit](Self::limit), or the shared budget
/// ([`GatewayLayerBuilder::body_budget`](crate::GatewayLayerBuilder::body_budget)) is used up,
/// sending continues, but the recording is dropped and the request is not repeated. The end event
/// says so.
/// ```
/// # let client = tower::service_fn(|_: http::Request<String>| async {
/// #     Ok::<_, std::io::Error>(http::Response::new(String::new()))
/// # });
/// use tower::ServiceBuilder;
/// use tower_ai_gateway::control::{ReplayLayer, RetryLayer, RetrySettings};
///
/// let service = ServiceBuilder::new()
///     .layer(ReplayLayer::new().limit(1 << 20)) // larger requests are sent once
///     .layer(RetryLayer::new(RetrySettings::attempts(3)))
///     .service(client);
/// # let _ = service;
/// ```
#[derive(Clone, Debug)]
pub struct ReplayLayer {
    limit: Arc<AtomicUsize>,
    budget: BodyBudget,
    on_demand: bool,
}

impl Default for ReplayLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayLayer {
    /// Records every request.
    #[must_use]
    pub fn new() -> Self {
        Self { limit: Arc::new(LIMIT.into()), budget: BodyBudget::default(), on_demand: false }
    }

    /// Records only requests that may be repeated: those with `cf-aig-max-attempts` of 2 or more,
    /// those with fallbacks, and those that ask for stream usage at a provider that has not
    /// accepted that yet
    /// ([`GatewayLayerBuilder::ask_for_usage`](crate::GatewayLayerBuilder::ask_for_usage)).
    #[must_use]
    pub fn on_demand() -> Self {
        Self { on_demand: true, ..Self::new() }
    }

    /// Records every request from now on.
    pub(super) fn always(mut self) -> Self {
        self.on_demand = false;
        self
    }

    /// The most bytes kept of a request body; each frame counts 64 bytes extra, and small ones are
    /// copied into blocks that count as a whole. Default: 16 MiB.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = Arc::new(bytes.into());
        self
    }

    /// Changes the [limit](Self::limit) of this layer, its clones and their services while they are
    /// in use. Applies to new requests.
    pub fn change_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// The memory budget for requests without a gateway above; under a gateway, its budget applies.
    /// Default: 256 MiB.
    #[must_use]
    pub fn body_budget(mut self, budget: BodyBudget) -> Self {
        self.budget = budget;
        self
    }
}

impl<S> Layer<S> for ReplayLayer {
    type Service = Replay<S>;

    fn layer(&self, inner: S) -> Replay<S> {
        Replay { inner, layer: self.clone() }
    }
}

/// Records request bodies. See [`ReplayLayer`].
#[derive(Clone, Debug)]
pub struct Replay<S> {
    pub(super) inner: S,
    layer: ReplayLayer,
}

impl<S> Replay<S> {
    /// Returns true if a layer below may have to repeat the request. `context` is the request's.
    pub(super) fn records(&self, context: Option<&GatewayContext>) -> bool {
        let is_wanted =
            |context: &GatewayContext| context.may_be_refused() || may_be_repeated(context);
        !self.layer.on_demand || context.is_some_and(is_wanted)
    }

    /// Wraps the request's body in a recording, if possible. `context` is the request's.
    pub(super) fn record<B>(
        &self,
        request: Request<B>,
        context: Option<&GatewayContext>,
    ) -> Request<ReplayBody<B>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        // A request recorded only for a refused option has no retries to lose.
        let wanting = context.filter(|context| !self.layer.on_demand || may_be_repeated(context));
        let limit = self.layer.limit.load(Ordering::Relaxed);
        let keeping = match context {
            // The entries of a universal request are in memory anyway.
            Some(context) if is_in_memory(context) => Keeping::all(),
            // Do not start with a body that is known to be too large.
            _ if !fits(request.body().size_hint().lower(), limit) => {
                if let Some(context) = wanting {
                    context.give_up_retries();
                }
                return request.map(ReplayBody::once);
            }
            _ => {
                let shared = context.and_then(GatewayContext::body_budget);
                let budget = shared.unwrap_or(&self.layer.budget);
                Keeping::up_to(limit, budget).reporting_to(wanting.cloned())
            }
        };
        let head = KeptHead::of(&request, context);
        request.map(|body| {
            ReplayBody::replaying(RecordedRequest::new(head, Recording::new(body, keeping)))
        })
    }
}

#[cfg(feature = "cache")]
impl<S> Replay<S> {
    /// The memory budget of a request's bodies. `context` is the request's.
    pub(super) fn budget(&self, context: &GatewayContext) -> BodyBudget {
        context.body_budget().unwrap_or(&self.layer.budget).clone()
    }

    /// Wraps a request whose body was read ahead in a recording, if possible. A body that is whole in
    /// memory stays there until the request is over, whatever the limit.
    pub(super) fn record_read<B>(
        &self,
        request: Request<Read<B>>,
        context: Option<&GatewayContext>,
    ) -> Request<ReplayBody<B>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let read = request.body();
        let keeping = match &read.rest {
            Rest::Error(_) => return request.map(ReplayBody::read),
            Rest::Nothing | Rest::Trailers(_) => Keeping::all(),
            Rest::Body(rest) => {
                let wanting =
                    context.filter(|context| !self.layer.on_demand || may_be_repeated(context));
                let limit = self.layer.limit.load(Ordering::Relaxed);
                let least = read.bytes.saturating_add(rest.size_hint().lower());
                if !fits(least, limit) {
                    if let Some(context) = wanting {
                        context.give_up_retries();
                    }
                    return request.map(ReplayBody::read);
                }
                let shared = context.and_then(GatewayContext::body_budget);
                let budget = shared.unwrap_or(&self.layer.budget);
                Keeping::up_to(limit, budget).reporting_to(wanting.cloned())
            }
        };
        let head = KeptHead::of(&request, context);
        request.map(|read| {
            ReplayBody::replaying(RecordedRequest::new(head, Recording::of_read(read, keeping)))
        })
    }
}

impl<S, B> Service<Request<B>> for Replay<S>
where
    S: Service<Request<ReplayBody<B>>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let context = request.extensions().get::<GatewayContext>().cloned();
        let request = match self.records(context.as_ref()) {
            true => self.record(request, context.as_ref()),
            false => request.map(ReplayBody::once),
        };
        self.inner.call(request)
    }
}

/// Returns true if the gateway above may repeat the request.
fn may_be_repeated(context: &GatewayContext) -> bool {
    let attempts = context.directives().and_then(|directives| directives.max_attempts);
    attempts.is_some_and(|attempts| attempts > 1) || context.may_fall_back()
}

/// Returns true if keeping the request uses no additional memory.
fn is_in_memory(context: &GatewayContext) -> bool {
    context.current().is_some_and(|step| step.entry.is_some())
}

crate::util::macros::service_accessors!(Replay<S>, inner);
