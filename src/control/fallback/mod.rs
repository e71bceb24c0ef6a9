//! Falls back to another model or provider when a provider fails.

mod alternative;
mod plan;
mod state;
mod steps;

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

pub use self::alternative::Alternative;
use self::alternative::Alternatives;
use self::plan::Plan;
use self::state::FallbackState;
pub use self::steps::FallbackFuture;
use super::attempt;
use super::classify::{Classify, Rule};
use super::replay::ReplayBody;
use super::silence::Silence;
use super::timeout::body_timeout;
use super::verdict::{self, ClassifiedBody};
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::provider::Provider;
use crate::util::config_error::ConfigError;
use crate::util::ready;

/// Tries another model or provider when a provider fails.
///
/// It falls back if there is no connection, on a timeout, on 408, 409, 425, 429 and all 5xx, and on
/// a 200 that is an error. Any other response is an answer. If all fail, the last response is
/// returned.
///
/// A 200 counts as an error if it is JSON of up to 4 KiB that says so, or if the first relevant
/// event of a stream is an error. While something else can be tried, the head of such a response is
/// held back until that is known, for at most 4 KiB and one second; all bytes are then passed on
/// unchanged. Compressed responses are read from a decoded copy (feature `decompression`). A prompt
/// that Gemini's policy blocks counts as answered.
///
/// Put it below a [`ReplayLayer`](super::ReplayLayer) and above a
/// [`RetryLayer`](super::RetryLayer), which retries within each step.
///
/// Under a gateway it tries the further entries of a universal request, the further models of a
/// dynamic route, or the [fallback chains](crate::settings::FallbackChain) of the settings. A
/// client's key for one provider is never sent to another: all keys are removed first, and only the
/// stored key of the other provider is used.
///
/// ```
/// # let client = tower::service_fn(|_: http::Request<String>| async {
/// #     Ok::<_, std::io::Error>(http::Response::new(String::new()))
/// # });
/// use tower::ServiceBuilder;
/// use tower_ai_gateway::control::{FallbackLayer, ReplayLayer};
///
/// let upstream = ServiceBuilder::new()
///     .layer(ReplayLayer::on_demand())
///     .layer(FallbackLayer::new()) // the gateway's settings say what to try
///     .service(client);
/// # let _ = upstream;
/// ```
#[derive(Clone, Debug, Default)]
pub struct FallbackLayer {
    alternatives: Option<Arc<Alternatives>>,
    rule: Rule,
}

impl FallbackLayer {
    /// Uses the fallbacks of the gateway above.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For a client stack without a gateway: if a request to `first` fails, these are tried in
    /// order. Requests to other places pass unchanged.
    ///
    /// ```
    /// use tower_ai_gateway::Provider;
    /// use tower_ai_gateway::control::{Alternative, FallbackLayer};
    /// use tower_ai_gateway::settings::Secret;
    ///
    /// let key = Secret::new("example-key")?;
    /// let layer = FallbackLayer::between(
    ///     Provider::xai(),
    ///     [
    ///         Alternative::new(Provider::xai()).model("grok-3"),
    ///         Alternative::new(Provider::openai()).key(key).model("gpt-5"),
    ///     ],
    /// )?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a provider is misconfigured.
    pub fn between(
        first: Provider,
        alternatives: impl IntoIterator<Item = Alternative>,
    ) -> Result<Self, ConfigError> {
        let alternatives = Alternatives::new(first, alternatives.into_iter().collect())?;
        Ok(Self { alternatives: Some(Arc::new(alternatives)), rule: Rule::default() })
    }

    /// Sets after which calls something else is tried. Default: as described [above](Self).
    #[must_use]
    pub fn classify(mut self, rule: impl Classify) -> Self {
        self.rule = Rule::new(rule);
        self
    }
}

impl<S> Layer<S> for FallbackLayer {
    type Service = Fallback<S>;

    fn layer(&self, inner: S) -> Fallback<S> {
        Fallback { inner, layer: self.clone() }
    }
}

/// Tries another model or provider when a provider fails. See [`FallbackLayer`].
#[derive(Clone, Debug)]
pub struct Fallback<S> {
    pub(super) inner: S,
    layer: FallbackLayer,
}

impl<S> Fallback<S> {
    /// Returns true if something else may be tried for the request. `context` is the request's.
    pub(super) fn may_be_needed(&self, context: Option<&GatewayContext>) -> bool {
        match context {
            Some(context) => context.may_fall_back(),
            None => self.layer.alternatives.is_some(),
        }
    }
}

impl<S, B, R> Service<Request<ReplayBody<B>>> for Fallback<S>
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
    type Future = FallbackFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReplayBody<B>>) -> FallbackFuture<S, B, R> {
        let context = request.extensions().get::<GatewayContext>();
        if let Some(context) = context.filter(|context| context.may_fall_back()) {
            context.acts(Actor::Fallback);
        }
        let alternatives = self.layer.alternatives.as_ref();
        let recorded = request.body().recorded().cloned();
        let state = recorded.and_then(|recorded| {
            let plan = Plan::of(context, alternatives, request.uri())?;
            let silence = Silence::up_to(body_timeout(request.extensions(), context));
            Some(FallbackState::new(recorded, plan, self.layer.rule.clone(), silence))
        });
        let Some(state) = state else {
            return FallbackFuture::direct(self.inner.call(request));
        };
        verdict::mark_classified(&mut request, state.plan.context());
        // The service that is ready makes the first call and all others.
        let mut service = ready::take(&mut self.inner);
        let first = attempt::call(state.plan.context(), &mut service, request);
        FallbackFuture::several(first, service, state)
    }
}

crate::util::macros::service_accessors!(Fallback<S>, inner);
