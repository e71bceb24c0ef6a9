//! Which providers and models a gateway serves.

use super::pattern::Pattern;
use crate::provider::Upstream;

/// What a gateway allows. Nothing set: everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Slugs or aliases; `None` where all are allowed.
    pub(super) providers: Option<Vec<Box<str>>>,
    /// `None` where all are allowed that are not denied.
    pub(super) models: Option<Vec<Pattern>>,
    pub(super) denied_models: Vec<Pattern>,
}

impl Rules {
    pub(crate) fn allow_provider(&self, upstream: &Upstream) -> bool {
        let names = self.providers.as_ref();
        names.is_none_or(|names| names.iter().any(|name| upstream.answers_to(name)))
    }

    /// Whether the model of a request matters, so that it must be known before it is sent.
    pub(crate) fn restrict_models(&self) -> bool {
        self.models.is_some() || !self.denied_models.is_empty()
    }

    pub(crate) fn allow_model(&self, model: &str) -> bool {
        let matches = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(model));
        !matches(&self.denied_models) && self.models.as_deref().is_none_or(matches)
    }
}
