//! Which of a provider's own paths take a key as `Bearer`, although it has a key header of its own.

use crate::util::operation::Operation;

/// The paths of the OpenAI-compatible API among a provider's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BearerPaths {
    /// There are none, or all paths have the same key header.
    #[default]
    None,
    /// OpenAI's endpoints, beside those of its own API.
    Endpoints,
    /// All behind this first segment, a version aside.
    Behind(&'static str),
    /// All but those behind this first segment.
    Outside(&'static str),
}

impl BearerPaths {
    /// Returns true if this path, after the provider's slug, is one of them.
    pub(super) fn include(self, rest: &str) -> bool {
        use Operation::{Chat, Embeddings, Responses};
        let mut first = rest.split('/').filter(|segment| !segment.is_empty());
        match self {
            Self::None => false,
            Self::Endpoints => matches!(Operation::of(rest), Chat | Responses | Embeddings),
            Self::Behind(name) => first.take(2).any(|segment| segment == name),
            Self::Outside(name) => first.next() != Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_paths_of_the_openai_compatible_api_are_included() {
        use BearerPaths::{Behind, Endpoints, Outside};
        for (paths, rest, is_included) in [
            (BearerPaths::None, "v1/chat/completions", false),
            (Endpoints, "v1/chat/completions", true),
            (Endpoints, "chat/completions", true),
            (Endpoints, "v1/messages", false),
            (Endpoints, "v1/models", false),
            (Endpoints, "", false),
            (Behind("openai"), "v1beta/openai/chat/completions", true),
            (Behind("openai"), "v1beta//openai/models", true),
            (Behind("openai"), "openai/chat/completions", true),
            (Behind("openai"), "v1beta/models/openai", false),
            (Behind("openai"), "v1beta/openai2/models", false),
            (Behind("openai"), "v1beta/models/m:embedContent", false),
            (Outside("anthropic"), "v1/models", true),
            (Outside("anthropic"), "openai/v1/responses", true),
            (Outside("anthropic"), "anthropic/v1/messages", false),
            (Outside("anthropic"), "/anthropic/v1/messages", false),
            (Outside("anthropic"), "v1/anthropic", true),
        ] {
            assert_eq!(paths.include(rest), is_included, "{paths:?} {rest}");
        }
    }
}
