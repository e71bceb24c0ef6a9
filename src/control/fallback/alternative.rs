//! What is tried where there is no gateway above to say so.

use std::sync::Arc;

use http::Uri;

use crate::context::step::{Step, StepKey};
use crate::credentials::secret::Secret;
use crate::provider::{Provider, Upstream};
use crate::routing;
use crate::util::config_error::ConfigError;
use crate::util::operation::Operation;

/// Another provider, or another model of the same one, for a client stack without a gateway.
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
    /// This provider. Without a [key](Self::key) it can be no other than the first one, whose
    /// requests bring their own.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self { provider, key: None, model: None }
    }

    /// The key for this provider, in the header that it reads keys from.
    #[must_use]
    pub fn key(mut self, key: Secret) -> Self {
        self.key = Some(key);
        self
    }

    /// The model to ask for, in the place of the body's top-level `model`.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into().into());
        self
    }
}

/// The providers of a stack without a gateway, checked.
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

    /// What a request to this URI asks for, and what can be tried for it; `None` where it is not for
    /// the first provider.
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

/// A step to a provider; `None` where it has nothing at this path that one could be sure of.
///
/// `first`: the provider that the client's own request is for. `rest`: its path there.
pub(super) fn step_at(
    upstream: Arc<Upstream>,
    first: &Upstream,
    rest: &str,
    model: Option<Box<str>>,
) -> Option<Step> {
    match routing::endpoint(rest) {
        Some(endpoint) => Some(Step::unified(upstream, endpoint, model)),
        // Elsewhere than at the four, providers have little in common.
        None if upstream.slug() != first.slug() => None,
        None => Some(Step::native(upstream, rest.to_owned(), model)),
    }
}
