//! Sends failed requests again.

mod attempts;
mod budget;
mod decision;
mod payer;
mod settings;
mod state;

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

pub use self::attempts::RetryFuture;
use self::budget::Budgets;
pub use self::settings::RetrySettings;
use self::state::RetryState;
use super::classify::{Classify, Rule};
use super::replay::ReplayBody;
use super::verdict::{self, ClassifiedBody};
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::util::ready;

/// Sends a request again if the provider could not answer it. Off by default, because a request
/// that is sent twice may be billed twice.
///
/// It retries if a connection fails before the response head, if the head takes too long, and on
/// 408, 409, 429, 500, 502, 503, 504 and 529. It does not retry if the provider says
/// `x-should-retry: false` or asks for a longer wait than allowed, and never once a response was
/// passed on. It obeys `retry-after` and `retry-after-ms`. It needs a tokio runtime with time enabled.
///
/// The last response is passed on if the gateway itself makes no further call, because a circuit
/// has opened for example, or if the next one would begin after the total timeout. A key that cools
/// down is waited for, as long as for a `retry-after`.
///
/// While an attempt is left, a 200 with JSON or an event stream is read like in a
/// [`FallbackLayer`](super::FallbackLayer), with the same bounds. If its first event is an error
/// whose status is one of those above, the request is sent again; Anthropic's `overloaded_error`
/// counts as 529, for example. An error with an unknown code is passed on. If a layer in between makes
/// an error of an answer, its status must say so.
///
/// If the gateway has added an option that asks for stream usage
/// ([`GatewayLayerBuilder::ask_for_usage`](crate::GatewayLayerBuilder::ask_for_usage)) and the
/// provider answers 400 or 422, the request is sent again without it, whatever the settings: once,
/// at once, and not counted as an attempt.
///
/// Put it below a [`ReplayLayer`](super::ReplayLayer), in any client stack:
///
/// ```
/// # #[cfg(feature = "client")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower::ServiceBuilder;
/// use tower_ai_gateway::HttpClient;
/// use tower_ai_gateway::control::{ReplayBody, ReplayLayer, RetryLayer, RetrySettings};
///
/// let client: HttpClient<ReplayBody<Full<Bytes>>> = HttpClient::new()?;
/// let client = ServiceBuilder::new()
///     .layer(ReplayLayer::new())
///     .layer(RetryLayer::new(RetrySettings::attempts(3)))
///     .service(client);
/// # Ok(()) }
/// # #[cfg(not(feature = "client"))] fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct RetryLayer {
    settings: RetrySettings,
    budgets: Arc<Budgets>,
    rule: Rule,
}

impl RetryLayer {
    /// Retries per second, and as a share of the requests that were not retried.
    pub(crate) const BUDGET: (u32, f32) = (10, 0.2);

    /// Creates a layer with a budget per origin: 10 retries per second, plus a fifth of the
    /// requests that were not retried.
    #[must_use]
    pub fn new(settings: RetrySettings) -> Self {
        let (per_second, share) = Self::BUDGET;
        let budgets = Arc::new(Budgets::new(per_second, share));
        Self { settings, budgets, rule: Rule::default() }
    }

    /// The same budgets with other settings.
    pub(super) fn settings(mut self, settings: RetrySettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets which calls are retried. Default: as described [above](Self).
    #[must_use]
    pub fn classify(mut self, rule: impl Classify) -> Self {
        self.rule = Rule::new(rule);
        self
    }

    /// Sets the retry budget of an origin: `per_second` whatever its load, averaged over 10 s, plus
    /// a `share` of the requests that were not retried. The services of a layer share their budgets.
    ///
    /// Under a gateway, what a caller has caused itself is retried on a budget of its own, of the same
    /// size: a timeout that it has chosen, and a 429 for a key that it has sent.
    ///
    /// `share` is from 0 to 1000, `per_second` up to a million.
    #[must_use]
    pub fn budget(mut self, per_second: u32, share: f32) -> Self {
        let (per_second, share) = within(per_second, share);
        self.budgets = Arc::new(Budgets::new(per_second, share));
        self
    }

    /// Changes the [budget](Self::budget) of this layer, its clones and their services while they
    /// are in use. If it differs from the previous one, all origins start with a new budget.
    pub fn resize_budget(&self, per_second: u32, share: f32) {
        let (per_second, share) = within(per_second, share);
        self.budgets.resize(per_second, share);
    }
}

fn within(per_second: u32, share: f32) -> (u32, f32) {
    let share = if share.is_finite() { share.clamp(0.0, 1000.0) } else { 0.0 };
    (per_second.min(1_000_000), share)
}

impl Default for RetryLayer {
    /// Retries only requests that ask for it.
    fn default() -> Self {
        Self::new(RetrySettings::default())
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry { inner, layer: self.clone() }
    }
}

/// Sends requests again. See [`RetryLayer`].
#[derive(Clone, Debug)]
pub struct Retry<S> {
    pub(super) inner: S,
    layer: RetryLayer,
}

impl<S, B, R> Service<Request<ReplayBody<B>>> for Retry<S>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<ClassifiedBody<R>>;
    type Error = S::Error;
    type Future = RetryFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReplayBody<B>>) -> RetryFuture<S, B, R> {
        let context = request.extensions().get::<GatewayContext>();
        let settings = self.layer.settings.of(context);
        let may_be_refused = context.is_some_and(GatewayContext::may_be_refused);
        let may_go_on = settings.max_attempts > 1;
        if let Some(context) = context.filter(|_| may_go_on) {
            context.acts(Actor::Retries);
        }
        let recorded = request.body().recorded().filter(|_| may_go_on || may_be_refused);
        let Some(recorded) = recorded else {
            return RetryFuture::direct(self.inner.call(request));
        };
        let budgets = self.layer.budgets.clone();
        let is_below_fallback = verdict::is_marked_classified(request.extensions(), context);
        let context = context.cloned();
        let recorded = recorded.clone();
        if may_go_on && !is_below_fallback {
            verdict::mark_classified(&mut request, context.as_ref());
        }
        let mut state = RetryState::new(
            recorded,
            settings,
            self.layer.rule.clone(),
            budgets,
            context,
            is_below_fallback,
        );
        // The service that is ready makes the first call and all others.
        let mut service = ready::take(&mut self.inner);
        let first = state.call(&mut service, request);
        RetryFuture::repeated(first, service, state)
    }
}

crate::util::macros::service_accessors!(Retry<S>, inner);
