//! `cf-aig-allowed-models` and `cf-aig-allowed-providers`: a client's own restrictions of its
//! request.

use std::sync::Arc;

use crate::directives::pattern::Pattern;
use crate::directives::pattern::hides_a_model;
use crate::provider::Upstream;
use crate::util::text::is_visible;

/// The maximum number of names in a list.
const MOST: usize = 64;

pub(crate) const MODELS_FORM: &str =
    "a comma list of 1 to 64 models, such as `grok/grok-4, openai/*, gpt-5*`";
pub(crate) const PROVIDERS_FORM: &str =
    "a comma list of 1 to 64 providers, such as `grok, custom-*`";

/// Lists of what a request may reach. Each must allow it, in addition to the gateway's own rules,
/// so a list can never widen what another allows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Narrowing {
    pub(super) models: Vec<Vec<Glob>>,
    pub(super) providers: Vec<Vec<Glob>>,
}

/// A name in which `*` matches any text except `/`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Glob(Vec<Pattern>);

impl Glob {
    fn new(text: &str) -> Option<Self> {
        text.split('/').map(Pattern::new).collect::<Option<_>>().map(Self)
    }

    /// A comma-separated list; `None` if it is empty or too long, or an element is not a name.
    pub(crate) fn list(text: &str) -> Option<Vec<Self>> {
        let names = || text.split(',').map(str::trim);
        let is_name = |name: &str| is_visible(name.as_bytes(), 256);
        let is_list = names().count() <= MOST && names().all(is_name);
        if is_list { names().map(Self::new).collect() } else { None }
    }

    fn matches<'n>(&self, mut segments: impl Iterator<Item = &'n str>) -> bool {
        let all = self.0.iter().all(|glob| segments.next().is_some_and(|name| glob.matches(name)));
        all && segments.next().is_none()
    }

    /// Returns true if it has no wildcard.
    fn is_literal(&self) -> bool {
        self.0.iter().all(Pattern::is_literal)
    }
}

impl Narrowing {
    /// Combines both: a name must be allowed by each.
    pub(super) fn both(one: Option<Arc<Self>>, other: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        match (one, other) {
            (Some(one), Some(other)) if one != *other => Some(Arc::new(Self {
                models: [&one.models[..], &other.models].concat(),
                providers: [&one.providers[..], &other.providers].concat(),
            })),
            (one, other) => one.or_else(|| other.cloned()),
        }
    }

    pub(crate) fn restricts_models(&self) -> bool {
        !self.models.is_empty()
    }

    pub(crate) fn allows_provider(&self, upstream: &Upstream) -> bool {
        let is_named = |glob: &Glob| upstream.names().any(|name| glob.matches([name].into_iter()));
        self.providers.iter().all(|list| list.iter().any(is_named))
    }

    /// Returns true if a model of this provider is allowed, by its name there. A glob with a slash
    /// is for a provider and model; one without matches models of any provider. While the provider
    /// is unknown, only the latter can allow.
    ///
    /// A name behind which the provider picks a model must be listed exactly.
    pub(crate) fn allows_model(&self, upstream: Option<&Upstream>, model: &str) -> bool {
        let name = model.strip_prefix("models/").unwrap_or(model);
        let hides = hides_a_model(name);
        let is_named = |glob: &Glob| {
            let at = |provider| glob.matches(std::iter::once(provider).chain(name.split('/')));
            let is_alone = glob.0.len() == 1 && glob.matches(name.split('/'));
            let is_there = || upstream.is_some_and(|upstream| upstream.names().any(at));
            (!hides || glob.is_literal()) && (is_alone || is_there())
        };
        self.models.iter().all(|list| list.iter().any(is_named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Provider;

    fn models(lists: &[&str]) -> Narrowing {
        let models = lists.iter().map(|list| Glob::list(list).unwrap()).collect();
        Narrowing { models, providers: Vec::new() }
    }

    #[test]
    fn a_star_does_not_cross_a_slash() {
        let grok = Upstream::new(Provider::xai()).unwrap();
        for (list, model, expected) in [
            ("grok/grok-4", "grok-4", true),
            ("xai/grok-4", "grok-4", true),
            ("grok/*", "grok-4", true),
            ("grok/*", "x/grok-4", false),
            ("*/grok-4", "grok-4", true),
            ("*", "grok-4", true),
            ("*", "x/grok-4", false),
            ("grok/*/*", "x/grok-4", true),
            ("openai/*", "grok-4", false),
            ("openai/*", "openai/x", false),
            ("gpt-5, grok-4*", "grok-4.3", true),
            ("grok-4", "grok-4.3", false),
            ("grok-4", "models/grok-4", true),
            ("*", "auto", false),
            ("grok/auto", "auto", true),
        ] {
            assert_eq!(
                models(&[list]).allows_model(Some(&grok), model),
                expected,
                "{list} {model}"
            );
        }
        assert!(models(&["grok-4"]).allows_model(None, "grok-4"));
        assert!(!models(&["grok/grok-4"]).allows_model(None, "grok-4"), "nobody knows");
        assert!(!models(&["grok/*"]).allows_model(None, "grok/x"));
    }

    #[test]
    fn every_list_must_allow_the_model() {
        let grok = Upstream::new(Provider::xai()).unwrap();
        let both = models(&["grok-4*", "*-fast"]);
        assert!(both.allows_model(Some(&grok), "grok-4-fast"));
        assert!(!both.allows_model(Some(&grok), "grok-4"));
        let one = |list| Arc::new(models(&[list]));
        let both = Narrowing::both(Some(one("grok-4*")), Some(&one("*-fast"))).unwrap();
        assert!(!both.allows_model(Some(&grok), "grok-4"));
        let providers = |list| {
            let providers = vec![Glob::list(list).unwrap()];
            Narrowing { providers, models: Vec::new() }
        };
        assert!(providers("openai, x*").allows_provider(&grok), "by its alias");
        assert!(!providers("openai").allows_provider(&grok));
    }

    #[test]
    fn invalid_lists_are_refused() {
        for bad in ["", ",", "a,", ",a", "a,,b", "a b", "a//b", "/a", "a/", "\u{e9}"] {
            assert_eq!(Glob::list(bad), None, "{bad}");
        }
        assert_eq!(Glob::list(&["a"; 65].join(",")), None);
        assert_eq!(Glob::list(&"a".repeat(257)), None);
        assert!(Glob::list(&["a"; 64].join(" , ")).is_some());
    }
}
