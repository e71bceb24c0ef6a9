//! Trying something else where a provider fails: another model, or another provider.

mod alternative;
mod plan;
mod step_head;
mod steps;
mod work;

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
pub use self::steps::FallbackFuture;
use self::work::Work;
use super::classify::{Classify, Rule};
use super::replay::ReplayBody;
use super::verdict::{self, ClassifiedBody};
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::provider::Provider;
use crate::util::config_error::ConfigError;
use crate::util::ready;

/// Tries something else where a provider fails.
///
/// It goes on where there is no connection, at a timeout, on 408, 409, 425, 429 and all 5xx, and on
/// a 200 that is an error; any other response is an answer. Where all fail, the last response is
/// handed on.
///
/// Whether a 200 is an error is told by JSON of up to 4 KiB, and by the first event of a stream that
/// is content or an error. As long as there is something else to try, the head of such a response is
/// held back until that has come, for 4 KiB and for a second at most, and all bytes are handed on as
/// they came. Compressed responses are read from a decoded copy (feature `decompression`). A prompt
/// that Gemini blocks by its policy is answered.
///
/// It stands under a [`ReplayLayer`](super::ReplayLayer) and above a
/// [`RetryLayer`](super::RetryLayer), whose attempts are made for each step.
///
/// Under a gateway, what is tried are the further entries of a universal request, the further models
/// of a dynamic route, or the [fallback chains](crate::settings::FallbackChain) of its settings.
/// What the client brought as a key for one provider never goes to another: all keys are taken off
/// first, and only the stored key of the other provider is used.
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
///     .layer(FallbackLayer::new()) // what to try stands in the settings of the gateway
///     .service(client);
/// # let _ = upstream;
/// ```
#[derive(Clone, Debug, Default)]
pub struct FallbackLayer {
    alternatives: Option<Arc<Alternatives>>,
    rule: Rule,
}

impl FallbackLayer {
    /// Tries what the gateway above says.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For a client stack without a gateway: where a request to `first` fails, these are tried in
    /// their order. Requests to other places pass.
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
    /// Where a provider is misconfigured.
    pub fn between(
        first: Provider,
        alternatives: impl IntoIterator<Item = Alternative>,
    ) -> Result<Self, ConfigError> {
        let alternatives = Alternatives::new(first, alternatives.into_iter().collect())?;
        Ok(Self { alternatives: Some(Arc::new(alternatives)), rule: Rule::default() })
    }

    /// After which calls something else is tried. Default: as [above](Self).
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

/// Tries something else where a provider fails. See [`FallbackLayer`].
#[derive(Clone, Debug)]
pub struct Fallback<S> {
    inner: S,
    layer: FallbackLayer,
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
        let work = recorded.and_then(|recorded| {
            let plan = Plan::of(context, alternatives, request.uri())?;
            Some(Work::new(recorded, plan, self.layer.rule.clone()))
        });
        let Some(work) = work else {
            return FallbackFuture::direct(self.inner.call(request));
        };
        verdict::announce(&mut request, work.plan.context());
        // The service that is ready makes the first call and all others.
        let mut service = ready::take(&mut self.inner);
        let first = work.call(&mut service, request);
        FallbackFuture::several(first, service, work)
    }
}

crate::util::macros::service_accessors!(Fallback<S>, inner);
