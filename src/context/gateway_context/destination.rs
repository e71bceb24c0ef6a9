//! The destination of an exchange: its provider, its model and its operation.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Endpoint, GatewayContext};
use crate::provider::Upstream;
use crate::provider::join::USUAL;
use crate::routing;
use crate::usage::Shape;
use crate::util::operation;
use crate::util::operation::Operation;

/// What a path calls.
pub(super) struct Called {
    operation: Operation,
    /// The path after the provider's slug, if it is a usual one. The client's own path has left the
    /// CPU's caches by the time that the response comes.
    usual: Option<&'static str>,
    /// The path in its plain spelling, if the client's is another.
    plain: Option<Box<str>>,
}

impl GatewayContext {
    pub(crate) fn upstream(&self) -> Option<&Arc<Upstream>> {
        self.current().map(|step| &step.upstream).or(self.0.arrival.native.as_ref())
    }

    /// The destination of the first step, whatever is tried after it.
    pub(crate) fn first_upstream(&self) -> Option<&Arc<Upstream>> {
        self.0
            .arrival
            .native
            .as_ref()
            .or_else(|| self.0.progress.first.get().map(|step| &step.upstream))
    }

    /// The slug of the request's provider, once it is known.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.upstream().map(|upstream| upstream.slug())
    }

    /// The slug of the built-in provider that this is, whatever its own
    /// [slug](crate::Provider::with_slug); `None` for a custom one.
    #[must_use]
    pub fn provider_kind(&self) -> Option<&'static str> {
        self.upstream().and_then(|upstream| upstream.kind())
    }

    /// The model that the gateway has chosen: of a model-routed request, without the provider's
    /// prefix, or of the fallback step that is tried.
    #[must_use]
    pub fn routed_model(&self) -> Option<&str> {
        self.current().and_then(|step| step.model.as_deref())
    }

    /// The requested model, as far as the gateway knows it when the request is sent. Layers between
    /// the gateway and its client can rely on it.
    ///
    /// This is the [`routed_model`](Self::routed_model). On a provider's own path, it is the model in
    /// the path, decoded once (Gemini, Bedrock, Azure's deployments), or the one in the body if the
    /// gateway had to read that because it
    /// [restricts models](crate::settings::GatewaySettingsBuilder::allow_models). Otherwise it is
    /// `None`: the body of a request on a provider's own path is not read ahead.
    #[must_use]
    pub fn model(&self) -> Option<Cow<'_, str>> {
        let in_body = self.routed_model().or_else(|| self.body_model());
        let in_path = self.model_in_path(in_body).map(Cow::Owned);
        in_path.or(in_body.map(Cow::Borrowed))
    }

    /// The model in the path, if the body names none or the provider looks only at the path.
    pub(crate) fn model_in_path(&self, in_body: Option<&str>) -> Option<String> {
        let path = self.provider_path();
        let decides = || self.upstream().is_some_and(|upstream| upstream.decides_by_path(path));
        let counts = in_body.is_none() && self.is_call() || decides();
        if counts { routing::model_in(path) } else { None }
    }

    /// The kind of path: `native` (the provider in the path), `compat` or `rest` (the provider in the
    /// model), or `universal` (several requests in the body). `None` if the path was refused.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static str> {
        match self.0.arrival.endpoint {
            Endpoint::Native(_) => Some("native"),
            Endpoint::Unified(_) | Endpoint::Models if self.0.arrival.place.gateway_by_header => {
                Some("rest")
            }
            Endpoint::Unified(_) | Endpoint::Models => Some("compat"),
            Endpoint::Universal => Some("universal"),
            Endpoint::None => None,
        }
    }

    /// The path after the provider's slug, as it is sent.
    pub(crate) fn provider_path(&self) -> &str {
        if let Some(step) = self.current() {
            return &step.path;
        }
        if let Some(Called { usual: Some(path), .. }) = self.0.called.get() {
            return path;
        }
        self.path_of_endpoint()
    }

    /// The same in its plain spelling, by which calls are classified.
    pub(crate) fn call_path(&self) -> &str {
        let step = self.current().map(|step| step.plain_path.as_deref());
        let plain = step.unwrap_or_else(|| self.called().plain.as_deref());
        plain.unwrap_or_else(|| self.provider_path())
    }

    fn path_of_endpoint(&self) -> &str {
        match self.0.arrival.endpoint {
            Endpoint::Native(rest) => rest.text(self.path()),
            Endpoint::Unified(endpoint) => endpoint,
            Endpoint::Models => "models",
            Endpoint::Universal | Endpoint::None => "",
        }
    }

    /// The operation, by the provider's path.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.current().map_or_else(|| self.operation_of_path(), |step| step.operation)
    }

    /// The operation, by the path of the client's request, whatever step is tried.
    pub(crate) fn operation_of_path(&self) -> Operation {
        self.called().operation
    }

    fn called(&self) -> &Called {
        self.0.called.get_or_init(|| {
            let path = self.path_of_endpoint();
            let (operation, plain) = match self.0.arrival.endpoint {
                // Only the shape of the error depends on it.
                Endpoint::None if self.path().split('/').any(|segment| segment == "messages") => {
                    (Operation::Messages, None)
                }
                Endpoint::Universal | Endpoint::None => (Operation::Other, None),
                Endpoint::Native(_) | Endpoint::Unified(_) | Endpoint::Models => {
                    Operation::read(path)
                }
            };
            let usual = USUAL.into_iter().find(|usual| *usual == path);
            Called { operation, usual, plain }
        })
    }

    /// Returns true if the client reads errors in the form of Anthropic's Messages: on all paths of
    /// that API, including token counts and batches.
    pub(crate) fn is_of_messages(&self) -> bool {
        self.operation() == Operation::Messages || operation::is_of_messages(self.call_path())
    }

    /// The format of its responses.
    pub(crate) fn shape(&self) -> Shape {
        Shape::of(self.operation(), self.provider_kind().unwrap_or_default(), self.call_path())
    }
}
