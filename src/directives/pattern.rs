//! Model names with `*` for any text.

use std::fmt;

/// A model name in which `*` matches any text, including `/`: `grok-4*`, `*`, `meta/*-instruct`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<str>,
    /// The offsets of its first and last star.
    stars: Option<(usize, usize)>,
}

impl Pattern {
    /// `None` if it is empty or longer than any model's name.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let stars = pattern.find('*').zip(pattern.rfind('*'));
        (1..=256).contains(&pattern.len()).then(|| Self { text: pattern.into(), stars })
    }

    /// The same for lower-case names.
    pub(crate) fn to_lowercase(&self) -> Option<Self> {
        Self::new(&self.text.to_lowercase())
    }

    /// Returns true if it starts with a wildcard.
    pub(crate) fn is_open(&self) -> bool {
        self.text.starts_with('*')
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns true if it matches a single name.
    pub(crate) fn is_literal(&self) -> bool {
        self.stars.is_none()
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let Some((first, last)) = self.stars else { return *self.text == *name };
        let (head, tail) = (&self.text[..first], &self.text[last + 1..]);
        let Some(rest) = name.strip_prefix(head) else { return false };
        let Some(mut rest) = rest.strip_suffix(tail) else { return false };
        // The first match is the best for each part: it leaves the most for the following ones.
        let middle = if first < last { &self.text[first + 1..last] } else { return true };
        for part in middle.split('*') {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Where the last preset in a name begins.
pub(crate) fn last_preset(name: &str) -> Option<usize> {
    if name.contains('@') { name.to_ascii_lowercase().rfind("@preset/") } else { None }
}

/// Returns true for names behind which a provider picks the model: routers, presets, `fallbacks:
/// "default"`.
pub(crate) fn hides_a_model(name: &str) -> bool {
    let name = name.trim();
    let last = name.rsplit('/').next().unwrap_or_default();
    let hides = ["auto", "default", "model-router"];
    hides.iter().any(|one| last.eq_ignore_ascii_case(one))
        || name.eq_ignore_ascii_case("openrouter/free")
        || last_preset(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_star_matches_any_text() {
        for (pattern, name, expected) in [
            ("grok-4", "grok-4", true),
            ("grok-4", "grok-4.3", false),
            ("grok-4*", "grok-4", true),
            ("grok-4*", "grok-4.3-fast", true),
            ("grok-4*", "grok-3", false),
            ("*", "", true),
            ("*-mini", "grok-3-mini", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*b*c", "abcbc", true),
            ("meta/*", "meta/llama/4", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert_eq!(Pattern::new(""), None);
    }

    proptest! {
        #[test]
        fn matching_agrees_with_an_exhaustive_search(pattern in "[ab*]{1,6}", name in "[ab]{0,6}") {
            fn slow(pattern: &str, name: &str) -> bool {
                match pattern.chars().next() {
                    None => name.is_empty(),
                    Some('*') => (0..=name.len()).any(|at| slow(&pattern[1..], &name[at..])),
                    Some(first) => name.strip_prefix(first).is_some_and(|rest| slow(&pattern[1..], rest)),
                }
            }
            prop_assert_eq!(matches(&pattern, &name), slow(&pattern, &name));
        }
    }
}
