//! Which providers and models a gateway allows.

#[cfg(any(feature = "cache", feature = "limits"))]
use std::borrow::Cow;

use crate::directives::pattern::{Pattern, hides_a_model, last_preset};
use crate::provider::Upstream;
use crate::usage::is_same_model;

/// More slashes than the name of any model has. What follows each of them is matched, so a name full of
/// them would take time quadratic in its length.
const MOST_SLASHES: usize = 16;

/// What a gateway allows. Default: everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Slugs or aliases; `None` if all are allowed.
    pub(crate) providers: Option<Vec<Box<str>>>,
    /// `None` if every model that is not denied is allowed.
    pub(crate) models: Option<Vec<Pattern>>,
    /// In lower case.
    pub(crate) denied_models: Vec<Pattern>,
    /// Responses of forbidden models are broken off.
    pub(crate) refuses_served_models: bool,
}

impl Rules {
    pub(crate) fn allow_provider(&self, upstream: &Upstream) -> bool {
        let names = self.providers.as_ref();
        names.is_none_or(|names| names.iter().any(|name| upstream.answers_to(name)))
    }

    /// The allowed models that are plain names, not patterns.
    pub(crate) fn plain_names(&self) -> impl Iterator<Item = &str> {
        self.models.iter().flatten().filter(|one| one.is_literal()).map(Pattern::text)
    }

    /// Returns true if the model must be known before a request is sent.
    pub(crate) fn restrict_models(&self) -> bool {
        self.models.is_some() || !self.denied_models.is_empty()
    }

    /// Returns true if an answer from a forbidden model is an error.
    pub(crate) fn refuse_served_models(&self) -> bool {
        self.refuses_served_models && self.restrict_models()
    }

    /// Returns true if a request may name this model.
    ///
    /// The allow list is matched against the name as written, without Google's `models/`. The deny
    /// list is matched against every form in which a provider may know the model. A name behind
    /// which the provider picks a model must be allowed explicitly; a pattern that starts with `*`
    /// does not allow it.
    pub(crate) fn allow_model(&self, model: &str) -> bool {
        let mut name = model.strip_prefix("models/").unwrap_or(model);
        // Each preset after a model is another name, which a pattern for the model does not allow.
        while let Some(at) = last_preset(name).filter(|at| *at > 0) {
            if !self.allow_what_hides_a_model(&name[at..]) {
                return false;
            }
            name = &name[..at];
        }
        if self.denies(model) || name.len() != model.len() && self.denies(name) {
            return false;
        }
        match &self.models {
            _ if hides_a_model(name) => self.allow_what_hides_a_model(name),
            Some(allowed) => allowed.iter().any(|one| one.matches(name)),
            None => true,
        }
    }

    /// The same for a name that hides another model: an agent, a router.
    pub(crate) fn allow_what_hides_a_model(&self, name: &str) -> bool {
        let is_several = last_preset(name).is_some_and(|at| at > 0);
        let mut allowed = self.models.iter().flatten();
        !is_several && !self.denies(name) && allowed.any(|one| !one.is_open() && one.matches(name))
    }

    /// Returns true if a model is denied, in any form. If any is denied, so is what can be no model.
    pub(crate) fn denies(&self, model: &str) -> bool {
        is_one_of(model, &self.denied_models).unwrap_or(true)
    }

    /// Returns true if a provider has answered from a forbidden model. `asked` is the model
    /// requested by the client or by a step of the host.
    ///
    /// Another name of the model that was asked is no other model: a dated one, or by `is_alias`.
    pub(crate) fn forbid_served(
        &self,
        asked: Option<&str>,
        served: &str,
        is_alias: impl FnOnce(&str) -> bool,
    ) -> bool {
        if self.allow_model(served) {
            return false;
        }
        let Some(asked) = asked else { return true };
        let is_denied = self.denies(served) && !self.denies(asked);
        is_denied || !(is_same_model(asked, served) || is_alias(asked))
    }
}

/// Returns true if the name is the only one of its [`forms`]. Nearly all are.
fn has_one_form(model: &str) -> bool {
    let is_plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
    model.bytes().all(is_plain)
}

/// Returns true if one of these patterns, in lower case, matches a form of the model; `None` if no model
/// has such a name.
pub(crate) fn is_one_of(model: &str, patterns: &[Pattern]) -> Option<bool> {
    let is_one = |form: &str| patterns.iter().any(|pattern| pattern.matches(form));
    if patterns.is_empty() || has_one_form(model) {
        return Some(is_one(model));
    }
    let slashes = model.bytes().filter(|byte| *byte == b'/').count();
    (slashes <= MOST_SLASHES).then(|| forms(&plain(model)).any(is_one))
}

/// A model's name in lower case, without a `~`.
fn plain(model: &str) -> String {
    model.trim().trim_start_matches('~').to_lowercase()
}

/// The forms of a [`plain`] name: itself, without what precedes a slash, and without a `:variant` or
/// `@version`; all without white space.
fn forms(name: &str) -> impl Iterator<Item = &str> {
    let starts = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
    starts.flat_map(|start| {
        let form = name[start..].trim();
        let bare = bare(form);
        std::iter::once(bare).chain((bare != form).then_some(form))
    })
}

/// A model's name by which it counts, however a client writes it.
#[cfg(any(feature = "cache", feature = "limits"))]
pub(crate) fn canonical(model: &str) -> Cow<'_, str> {
    let name = model.trim();
    if has_one_form(name) {
        return name.into();
    }
    let name = name.to_lowercase();
    name.strip_prefix("models/").map(str::to_owned).unwrap_or(name).into()
}

/// Without a `:variant` or an `@version`; a name that begins with `@` keeps it.
fn bare(name: &str) -> &str {
    let end = name.char_indices().skip(1).find(|(_, character)| matches!(character, ':' | '@'));
    name[..end.map_or(name.len(), |(at, _)| at)].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allowed: Option<&[&str]>, denied: &[&str]) -> Rules {
        let patterns =
            |names: &[&str]| names.iter().filter_map(|name| Pattern::new(name)).collect();
        Rules { models: allowed.map(patterns), denied_models: patterns(denied), ..Rules::default() }
    }

    #[cfg(any(feature = "cache", feature = "limits"))]
    #[test]
    fn a_model_counts_as_one_however_it_is_written() {
        for name in
            ["gemini-2.5", "Gemini-2.5", " gemini-2.5 ", "models/gemini-2.5", "MODELS/gemini-2.5"]
        {
            assert_eq!(canonical(name), "gemini-2.5", "{name}");
        }
    }

    #[test]
    fn a_denied_model_is_denied_in_every_form() {
        let rules = rules(None, &["grok-4*", "gpt-5"]);
        for name in [
            "grok-4",
            " grok-4",
            "xai/grok-4",
            "x-ai/grok-4:free",
            "Grok-4",
            "models/grok-4",
            "gpt-5:nitro",
            "openai/gpt-5@2025-08-07",
            "~openai/gpt-5",
            "openai/ gpt-5 ",
        ] {
            assert!(!rules.allow_model(name), "{name}");
        }
        for name in ["grok-3", "gpt-5-mini", "meta/llama", "@cf/meta/llama"] {
            assert!(rules.allow_model(name), "{name}");
        }
    }

    #[test]
    fn a_name_with_more_slashes_than_any_model_has_is_denied() {
        let name = |slashes| "a/".repeat(slashes) + "ok";
        let denying = rules(None, &["grok-*"]);
        assert!(denying.allow_model(&name(MOST_SLASHES)));
        assert!(!denying.allow_model(&name(MOST_SLASHES + 1)));
        let allowing = rules(Some(&["a/*"]), &[]);
        assert!(allowing.allow_model(&name(MOST_SLASHES + 1)));
    }

    #[test]
    fn a_name_with_one_form_is_that_form() {
        for name in ["", "grok-4", "gpt-4.1-mini_x", "-", "."] {
            assert!(has_one_form(name), "{name}");
            assert_eq!(forms(&plain(name)).collect::<Vec<_>>(), [name]);
        }
        for name in ["Grok", "a/b", "a:b", "a@b", "~a", " a", "a ", "é"] {
            assert!(!has_one_form(name), "{name}");
        }
    }

    #[test]
    fn an_allowed_model_is_named_as_it_is_written() {
        let rules = rules(Some(&["gemini-*", "openrouter/auto"]), &[]);
        for name in ["gemini-2.5-pro", "models/gemini-2.5-pro", "openrouter/auto"] {
            assert!(rules.allow_model(name), "{name}");
        }
        for name in ["tunedModels/gemini-x", " gemini-2", "Gemini-2", "google/gemini-2", "auto"] {
            assert!(!rules.allow_model(name), "{name}");
        }
    }

    #[test]
    fn who_picks_the_model_must_be_named() {
        let names = ["openrouter/auto", "@preset/x", "default", "m@preset/x", "model-router"];
        for rules in [rules(None, &["grok-*"]), rules(Some(&["*"]), &[])] {
            assert!(rules.allow_model("gpt-5"));
            for name in names {
                assert!(!rules.allow_model(name), "{name}");
            }
        }
        let rules = rules(Some(&["openrouter/*", "@preset/x"]), &[]);
        assert!(rules.allow_model("openrouter/auto") && rules.allow_model("@preset/x"));
        assert!(!rules.allow_model("@preset/y"));
    }

    #[test]
    fn a_preset_is_a_name_of_its_own() {
        let rules = rules(Some(&["ok*", "@preset/x*"]), &["@preset/xx"]);
        for name in ["ok", "ok@preset/x", "@preset/x", "models/ok@preset/x1"] {
            assert!(rules.allow_model(name), "{name}");
        }
        for name in
            ["ok@preset/y", "ok@preset/xx", "no@preset/x", "@preset/x@preset/y", "é@preset/x"]
        {
            assert!(!rules.allow_model(name), "{name}");
        }
        assert!(!rules.allow_what_hides_a_model("@preset/x@preset/y"));
    }

    #[test]
    fn a_dated_name_is_no_other_model() {
        let rules =
            rules(Some(&["grok-4", "gpt-5", "mistral-large-latest"]), &["gpt-5-2025-01-01"]);
        for (asked, served) in [
            ("grok-4", "grok-4-0709"),
            ("openai/gpt-5", "gpt-5-2025-08-07"),
            ("gpt-5", "openai/gpt-5-2025-08-07"),
            ("mistral-large-latest", "mistral-large-2411"),
            ("gpt-5:free", "gpt-5"),
            ("grok-4", "grok-4-preview-05-20"),
            // A step that the host configured.
            ("other", "other-20250101"),
        ] {
            assert!(!rules.forbid_served(Some(asked), served, |_| false), "{asked} {served}");
        }
        for (asked, served) in [
            (Some("grok-4"), "grok-4-heavy"),
            (Some("gpt-5"), "gpt-5-pro"),
            (Some("gpt-5"), "gpt-5-2025-01-01"),
            (Some("gpt-5"), "gpt-50"),
            (None, "other"),
            (Some(""), "other"),
        ] {
            assert!(rules.forbid_served(asked, served, |_| false), "{asked:?} {served}");
        }
        assert!(!rules.forbid_served(Some("gpt-5"), "gpt-5-sol", |asked| asked == "gpt-5"));
        assert!(rules.forbid_served(Some("gpt-5"), "gpt-5-2025-01-01", |_| true), "it is denied");
    }
}
