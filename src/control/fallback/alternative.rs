//! The fallbacks of a client stack without a gateway.

use std::sync::Arc;

use http::Uri;

use crate::context::step::{Step, StepKey};
use crate::credentials::secret::Secret;
use crate::provider::{Provider, Upstream};
use crate::routing;
use crate::util::config_error::ConfigError;
use crate::util::operation::Operation;

/// Another provider or another model to fall back to, in a client stack without a gateway.
///
/// ```
/// use tower_ai_gateway::Provider;
/// use tower_ai_gateway::control::{Alternative, FallbackLayer};
/// use tower_ai_gateway::settings::Secret;
///
/// let openai = Alternative::new(Provider::openai()).key(Secret::new("example-key")?).model("gpt-5");
/// let layer = FallbackLayer::between(Provider::xai(), [openai])?;
/// # let _ = layer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Alternative {
    provider: Provider,
    key: Option<Secret>,
    model: Option<Box<str>>,
}

impl Alternative {
    /// Falls back to this provider. Without a [key](Self::key) it must be the first provider: then
    /// the request's own key is used.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self { provider, key: None, model: None }
    }

    /// Sets the key for this provider, in the provider's key header.
    #[must_use]
    pub fn key(mut self, key: Secret) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the model, which replaces the body's top-level `model`.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into().into());
        self
    }
}

/// The checked providers of a stack without a gateway.
#[derive(Debug)]
pub(super) struct Alternatives {
    pub(super) first: Arc<Upstream>,
    others: Vec<Other>,
}

#[derive(Debug)]
struct Other {
    upstream: Arc<Upstream>,
    key: Option<Secret>,
    model: Option<Box<str>>,
}

impl Alternatives {
    pub(super) fn new(first: Provider, others: Vec<Alternative>) -> Result<Self, ConfigError> {
        let checked = others.into_iter().map(|Alternative { provider, key, model }| {
            Upstream::new(provider).map(|upstream| Other {
                upstream: Arc::new(upstream),
                key,
                model,
            })
        });
        Ok(Self {
            first: Arc::new(Upstream::new(first)?),
            others: checked.collect::<Result<_, _>>()?,
        })
    }

    /// The operation that a request to this URI asks for, and its fallbacks; `None` if it is not
    /// for the first provider.
    pub(super) fn steps(&self, uri: &Uri) -> Option<(Operation, Vec<Step>)> {
        let rest = self.first.origin().rest(uri)?;
        let steps = self.others.iter().filter_map(|Other { upstream, key, model }| {
            let key = match key {
                Some(key) => StepKey::Given(key.clone()),
                None if upstream.slug() == self.first.slug() => StepKey::Stored(None),
                None => return None,
            };
            let mut step = step_at(upstream.clone(), &self.first, rest, model.clone())?;
            step.key = key;
            Some(step)
        });
        Some((Operation::of(rest), steps.collect()))
    }
}

/// A step to a provider; `None` if it may have no such path.
///
/// `first` is the provider of the client's own request, `rest` its path there.
pub(super) fn step_at(
    upstream: Arc<Upstream>,
    first: &Upstream,
    rest: &str,
    model: Option<Box<str>>,
) -> Option<Step> {
    match routing::endpoint(rest) {
        Some(endpoint) => Some(Step::unified(upstream, endpoint, model)),
        // Beyond the four known endpoints, providers have little in common.
        None if upstream.slug() != first.slug() => None,
        None => Some(Step::native(upstream, rest.to_owned(), model)),
    }
}
