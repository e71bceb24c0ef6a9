//! Whether a provider accepts the option that asks for the usage of a stream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Providers that refuse the option, or report the usage of every stream anyway.
const UNASKED: [&str; 5] = ["mistral", "perplexity-ai", "openrouter", "workers-ai", "aws-bedrock"];

/// How long a refusal is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The maximum number of remembered models; the oldest is dropped.
const MOST_MODELS: usize = 64;

/// What is known about one provider.
#[derive(Debug)]
pub(crate) struct UsageOption {
    /// The host's setting for this provider.
    set: Option<bool>,
    default: bool,
    /// The last successful request had the option.
    is_accepted: AtomicBool,
    /// The models for which it was accepted or refused, the oldest first.
    models: Mutex<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    model: Box<str>,
    /// `None` if it was accepted.
    refused_until: Option<Instant>,
}

impl UsageOption {
    /// `kind`: the slug of the built-in provider that it is.
    pub(crate) fn new(kind: Option<&str>, set: Option<bool>) -> Self {
        Self {
            set,
            default: kind.is_none_or(|kind| !UNASKED.contains(&kind)),
            is_accepted: AtomicBool::new(false),
            models: Mutex::default(),
        }
    }

    /// Returns true if this provider is asked. `all`: the host wants all providers to be asked.
    pub(crate) fn is_wanted(&self, all: bool) -> bool {
        self.set.unwrap_or(all && self.default)
    }

    /// Returns true if it has not accepted the option yet, so it may refuse it.
    pub(crate) fn is_on_trial(&self) -> bool {
        !self.is_accepted.load(Ordering::Relaxed)
    }

    /// Returns true if it has refused the option for this model, or for any if `model` is unknown.
    /// `model` may have a provider's prefix.
    pub(crate) fn is_refused(&self, model: Option<&str>) -> bool {
        let now = Instant::now();
        let is_its = |known: &Known| model.is_none_or(|model| names(model, &known.model));
        self.models().iter().any(|known| known.is_refused(now) && is_its(known))
    }

    /// A request with the option succeeded.
    pub(crate) fn accepted(&self, model: &str) {
        self.is_accepted.store(true, Ordering::Relaxed);
        self.learn(model, None);
    }

    /// A request with the option was refused, which may have other reasons, and was not sent again.
    pub(crate) fn doubted(&self, model: &str) {
        self.is_accepted.store(false, Ordering::Relaxed);
        self.learn(model, Instant::now().checked_add(REMEMBERED));
    }

    /// Remembers it, unless the model accepted the option before: then the refusal most likely had
    /// another reason, which a request that can be repeated will show.
    fn learn(&self, model: &str, refused_until: Option<Instant>) {
        let mut models = self.models();
        if !models.iter().any(|known| *known.model == *model && known.refused_until.is_none()) {
            learn(&mut models, model, refused_until);
        }
    }

    /// A request was refused with the option and succeeded without it.
    pub(crate) fn refuse(&self, model: &str) {
        learn(&mut self.models(), model, Instant::now().checked_add(REMEMBERED));
    }

    fn models(&self) -> MutexGuard<'_, Vec<Known>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_refused(&self, now: Instant) -> bool {
        self.refused_until.is_some_and(|until| until > now)
    }
}

fn learn(models: &mut Vec<Known>, model: &str, refused_until: Option<Instant>) {
    models.retain(|known| *known.model != *model);
    if models.len() >= MOST_MODELS {
        models.remove(0);
    }
    models.push(Known { model: model.into(), refused_until });
}

/// Returns true if `name` is `model`, with or without a prefix.
fn names(name: &str, model: &str) -> bool {
    let prefix = name.strip_suffix(model);
    prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_setting_overrides_what_was_learnt() {
        for (kind, set, all, expected) in [
            (Some("openai"), None, false, false),
            (Some("openai"), None, true, true),
            (Some("openai"), Some(false), true, false),
            (Some("openai"), Some(true), false, true),
            (Some("mistral"), None, true, false),
            (Some("mistral"), Some(true), false, true),
            (None, None, true, true),
        ] {
            let option = UsageOption::new(kind, set);
            assert_eq!(option.is_wanted(all), expected, "{kind:?} {set:?} {all}");
        }
    }

    #[test]
    fn a_refusal_holds_for_its_model() {
        let option = UsageOption::new(Some("openai"), None);
        assert!(option.is_on_trial() && !option.is_refused(None));
        option.refuse("a/b");
        for (model, expected) in [
            (Some("a/b"), true),
            (Some("openai/a/b"), true),
            (Some("ba/b"), false),
            (Some("b"), false),
            (Some("c"), false),
            (None, true),
        ] {
            assert_eq!(option.is_refused(model), expected, "{model:?}");
        }
    }

    #[test]
    fn a_refusal_after_a_success_is_only_a_doubt() {
        let option = UsageOption::new(Some("openai"), None);
        option.accepted("a");
        assert!(!option.is_on_trial());
        for _ in 0..2 {
            option.doubted("a");
            assert!(option.is_on_trial() && !option.is_refused(Some("a")));
        }
        option.doubted("b");
        assert!(option.is_refused(Some("b")) && !option.is_refused(Some("a")));
        option.refuse("a");
        assert!(option.is_refused(Some("a")), "that was no doubt");
        option.accepted("a");
        assert!(!option.is_refused(Some("a")) && !option.is_on_trial());
    }

    #[test]
    fn the_number_of_remembered_refusals_is_bounded() {
        let option = UsageOption::new(Some("openai"), None);
        for number in 0..=MOST_MODELS {
            option.refuse(&number.to_string());
            option.refuse(&number.to_string());
        }
        assert_eq!(option.models().len(), MOST_MODELS);
        assert!(!option.is_refused(Some("0")) && option.is_refused(Some("1")));
    }
}
