//! The path of a request that may use the cache.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::time::{Instant, timeout_at};
use tower::BoxError;
use tower_service::Service;

use super::{ControlBody, Steps};
use crate::context::GatewayContext;
use crate::control::attempt;
use crate::control::cache::{
    Broadcast, CacheBody, Caching, CallResult, Ended, Looked, Lookup, Plan, Source, Target, Wait,
    Wanted, Way, answered, bypassed, failed, followed, hit, shared, show,
};
use crate::control::call::{Bounds, CallBody};
use crate::control::replay::{Read, ReplayBody};
use crate::control::timeout::HandedDown;
use crate::control::timer::Bound;
use crate::control::verdict;
use crate::exchange::outlived;
use crate::hook::CacheStatus;
use crate::response::failure;
use crate::util::ready::Boxed;

/// A request for which the cache is asked for.
///
/// It stays in its box until the call, because each future on the way would move it.
pub(super) struct Cached<S, B> {
    pub(super) caching: Caching,
    /// Not yet ready: readiness would hold a place while the client sends its body.
    pub(super) steps: Steps<S>,
    pub(super) request: Request<Read<B>>,
    pub(super) context: GatewayContext,
    pub(super) bounds: Bounds,
}

type Output<R> = Result<Response<ControlBody<R>>, BoxError>;

impl<S, B, R> Cached<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    pub(super) fn run(self: Box<Self>, wanted: Wanted) -> Boxed<Output<R>> {
        self.context.set_unsent(true);
        match wanted.plan(&self.request, &self.context) {
            Some(plan) => Box::pin(self.look_up(plan)),
            None => Box::pin(self.bypass()),
        }
    }

    async fn look_up(mut self: Box<Self>, mut plan: Plan) -> Output<R> {
        let bounds = self.bounds;
        let budget = self.steps.budget(&self.context);
        if !plan.collect(self.request.body_mut(), budget.share(), bounds.timeouts.body).await? {
            return Box::pin(self.bypass()).await;
        }
        let asks_once = !self.steps.records(Some(&self.context));
        let wait = Wait::new(bounds.timeouts.head, asks_once);
        let place = plan.place(&self.context);
        let (policy, is_observed) = (plan.policy, self.context.observer().is_some());
        let looked = self.caching.look_up(&place, &policy, &budget, is_observed).await;
        let Looked { lookup, seen } = looked;
        let (stale, has_failed) = match lookup {
            Lookup::Fresh { entry, age } => {
                let mut response = hit(&self.caching, entry, age, &policy);
                show(&place, seen.seal.as_ref(), &mut response);
                return Ok(within(response, bounds));
            }
            Lookup::Missing(stale) => (stale, false),
            Lookup::Failed => (None, true),
        };
        let (caching, context) = (self.caching.clone(), self.context.clone());
        let writer = caching.writer().clone();
        let target = Arc::new(Target::new(place, seen, policy, context, writer, wait, budget));
        if has_failed {
            // Requests of this process still share a call.
            target.set_alone();
        }
        // Each request that shares the call has its own total timeout.
        self.bounds.total = None;
        target.context.set_read_by_many();
        let call = Box::pin(self.share(target.clone()));
        let member = caching.join(&target, call).of(target.context.clone());
        let mut response = shared(&caching, member, stale, &target).await?;
        if response.extensions().get() == Some(&CacheStatus::Stale) {
            // Fallbacks may have failed since, but the entry is from the first step.
            target.context.set_step(0);
        }
        target.show(&mut response);
        Ok(within(response, bounds))
    }

    /// Sends the request as without a cache.
    async fn send(mut self: Box<Self>) -> Output<R> {
        poll_fn(|cx| self.steps.poll_ready(cx)).await?;
        self.context.set_unsent(false);
        if self.steps.records(Some(&self.context)) {
            let Bounds { timeouts, total } = self.bounds;
            if let Some(bounds) = HandedDown::of(total, timeouts) {
                self.request.extensions_mut().insert(bounds);
            }
            let request = self.steps.record_read(self.request, Some(&self.context));
            let response = self.steps.get_mut().call(request).await?;
            return Ok(response.map(ControlBody::of_repeated));
        }
        // The exchange reports the call of a request that is sent once, but not if it gets a stale answer.
        let before = self.context.attempts();
        let call = self.steps.get_mut().get_mut().get_mut();
        let request = self.request.map(ReplayBody::read);
        let call = call.call_within(request, Some(&self.context), Some(self.bounds));
        if self.context.attempts() == before {
            self.context.begin_attempt(attempt::now);
        }
        let result = call.await;
        attempt::ended(&self.context, &result, failure::is_refused(&result));
        Ok(result?.map(ControlBody::new))
    }

    /// The same. `bound`: when there must be a head.
    async fn send_within(self: Box<Self>, bound: Option<Bound>) -> Output<R> {
        match bound {
            None => self.send().await,
            // Do not send what has no time left.
            Some(bound) if bound.until <= Instant::now() => Err(bound.error.into()),
            Some(bound) => match timeout_at(bound.until, Box::pin(self.send())).await {
                Ok(result) => result,
                Err(_) => Err(bound.error.into()),
            },
        }
    }

    async fn bypass(self: Box<Self>) -> Output<R> {
        // Count the bypass, whatever becomes of the call.
        self.caching.bypassed();
        Ok(bypassed(self.send().await?))
    }

    /// Makes the call for all members, unless the response comes from elsewhere.
    async fn share(self: Box<Self>, target: Arc<Target>) -> CallResult {
        let broadcast = match self.caching.way(&target).await {
            Way::Found(entry) => return CallResult::Found(entry),
            Way::Follow(answer) if target.takes(answer.status) => {
                return followed(answer, &target);
            }
            Way::Follow(_) => {
                target.restart_head_timeout();
                None
            }
            Way::Ask(broadcast) => broadcast,
            Way::Unshared => return CallResult::Unshared(Box::pin(self.ask(target, None))),
        };
        self.ask(target, broadcast).await
    }

    /// Calls the provider, and shares the response if it may be stored.
    async fn ask(
        self: Box<Self>,
        target: Arc<Target>,
        broadcast: Option<Box<dyn Broadcast>>,
    ) -> CallResult {
        let result = self.send_within(target.head_bound()).await;
        let is_refused = failure::is_refused(&result);
        let context = target.context.clone();
        let done = match result {
            Ok(response) => {
                let ended = match response.status() {
                    _ if is_refused => Ended::Refused,
                    status if verdict::is_failure(status) => Ended::Failed,
                    status if status.is_success() => Ended::Answered,
                    _ => Ended::Refused,
                };
                let response = response.map(|body| Box::pin(body) as Source);
                answered(response, target, broadcast, ended)
            }
            Err(error) => {
                // A timeout that the client chose says nothing about the provider.
                let timeout = failure::timeout_of_any(&error);
                let is_clients = timeout.is_some_and(|timeout| target.context.is_clients(&timeout));
                let is_failure = !is_refused && !is_clients;
                failed(error, if is_failure { Ended::Failed } else { Ended::Refused })
            }
        };
        if let CallResult::Own(own) = &done {
            let result = own.result.as_ref();
            let result = result.map(Response::status).map_err(failure::of_any);
            outlived::unshared(&context, is_refused, result);
        }
        done
    }
}

/// The response with a body that ends in time even if nobody polls it. Each reader has its own bounds.
fn within<R>(response: Response<CacheBody>, bounds: Bounds) -> Response<ControlBody<R>>
where
    R: Body,
{
    CallBody::within(response, bounds).map(ControlBody::of_cache)
}
