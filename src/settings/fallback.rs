//! Fallbacks: what to try when a provider fails.

use std::fmt;

use crate::directives::pattern::Pattern;
use crate::provider::Upstream;
use crate::util::macros::setters;

/// The models and providers to try, in order, after a request for certain models has failed.
///
/// ```
/// use tower_ai_gateway::settings::FallbackChain;
///
/// let chain = FallbackChain::on("grok-4*").to_model("grok-3").to("openai", "gpt-5");
/// ```
#[derive(Clone, Debug)]
pub struct FallbackChain {
    pub(crate) pattern: Option<Pattern>,
    pub(crate) provider: Option<Box<str>>,
    pub(crate) steps: Vec<FallbackStep>,
}

/// One provider and model to try.
#[derive(Clone)]
pub(crate) struct FallbackStep {
    /// A slug or alias; `None` for the provider that failed.
    pub(crate) provider: Option<Box<str>>,
    /// `None` for the requested model.
    pub(crate) model: Option<Box<str>>,
    pub(crate) alias: Option<Box<str>>,
}

impl FallbackChain {
    /// Applies to requests whose model matches `models`, where `*` matches any text. A request
    /// without a model matches only `*`.
    #[must_use]
    pub fn on(models: impl AsRef<str>) -> Self {
        Self { pattern: Pattern::new(models.as_ref()), provider: None, steps: Vec::new() }
    }
}

setters! { impl FallbackChain {
    /// Applies only to requests to this provider, a slug or alias.
    pub fn from_provider(self, provider: impl Into<String>) =>
        self.provider = Some(provider.into().into());

    /// Adds another model of the same provider.
    pub fn to_model(self, model: impl Into<String>) => self.step(None, Some(model.into()), None);

    /// Adds a model of another provider. It needs a stored key: the client's own key is only for
    /// the first provider.
    pub fn to(self, provider: impl Into<String>, model: impl Into<String>) =>
        self.step(Some(provider.into()), Some(model.into()), None);

    /// Adds another provider with the same model name.
    pub fn to_provider(self, provider: impl Into<String>) =>
        self.step(Some(provider.into()), None, None);

    /// Sets the stored key of the last added step. Default: the one named by the request's
    /// `cf-aig-byok-alias`, or else `default`.
    pub fn with_key(self, alias: impl Into<String>) => {
        if let Some(step) = self.steps.last_mut() {
            step.alias = Some(alias.into().into());
        }
    };
}}

impl FallbackChain {
    /// Returns true if the chain applies to a request to this provider for this model.
    pub(crate) fn fits(&self, upstream: &Upstream, model: Option<&str>) -> bool {
        let is_provider = |name: &str| upstream.answers_to(name);
        let is_model = |pattern: &Pattern| pattern.matches(model.unwrap_or_default());
        self.provider.as_deref().is_none_or(is_provider)
            && self.pattern.as_ref().is_some_and(is_model)
    }

    pub(crate) fn step(
        &mut self,
        provider: Option<String>,
        model: Option<String>,
        alias: Option<String>,
    ) {
        let [provider, model, alias] =
            [provider, model, alias].map(|name| name.map(String::into_boxed_str));
        self.steps.push(FallbackStep { provider, model, alias });
    }
}

impl fmt::Debug for FallbackStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (provider, model) = (self.provider.as_deref(), self.model.as_deref());
        write!(f, "{}/{}", provider.unwrap_or("="), model.unwrap_or("="))
    }
}
