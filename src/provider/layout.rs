//! Rewrites paths that clients write in another form than the provider expects.
//!
//! The hosted gateway's pages give a base URL for each provider, and what a client appends
//! depends on its SDK: a version, none, or two. Some providers also have paths of the gateway's own
//! there (`azure-openai/{resource}/{deployment}/…`).

/// How the paths of a provider are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Layout {
    /// As clients write them.
    #[default]
    Plain,
    /// Each path starts with one of these. The first is prepended to a path that begins with none
    /// of them, and removed from a path in which another follows it.
    Rooted(&'static [&'static str]),
    /// A deployment and its path, or one of Azure's areas.
    Azure,
    /// A model, or one of the areas `run` and `v1`.
    WorkersAi,
    /// OpenAI's paths without a version, or the name of a provider that Hugging Face routes to.
    HuggingFace,
}

/// The areas of Azure's API below `/openai`.
const AZURE: [&str; 17] = [
    "openai",
    "deployments",
    "v1",
    "models",
    "files",
    "uploads",
    "batches",
    "responses",
    "conversations",
    "fine_tuning",
    "assistants",
    "threads",
    "vector_stores",
    "containers",
    "evals",
    "realtime",
    "operations",
];

impl Layout {
    /// The provider's form of a path after its slug, if it differs.
    pub(super) fn rewritten(self, rest: &str) -> Option<String> {
        let (first, behind) = split(rest);
        match self {
            Self::Plain => None,
            Self::Rooted(_) if first.is_empty() => None,
            Self::Rooted(roots) if !roots.contains(&first) => {
                roots.first().map(|root| format!("{root}/{rest}"))
            }
            Self::Rooted(roots) => {
                let goes_on = |rest| roots.contains(&split(rest).0);
                let is_doubled = roots.first() == Some(&first) && goes_on(behind);
                is_doubled.then(|| behind.to_owned())
            }
            Self::Azure => {
                (!is_azure_area(first) && !behind.is_empty()).then(|| format!("deployments/{rest}"))
            }
            Self::WorkersAi => first.starts_with('@').then(|| format!("run/{rest}")),
            Self::HuggingFace => {
                let is_openai = matches!(first, "chat" | "responses" | "embeddings" | "models");
                // `models/{owner}/{name}` was the inference API.
                let is_whole = first != "models" || behind.is_empty();
                (is_openai && is_whole).then(|| format!("v1/{rest}"))
            }
        }
    }

    /// Returns true if this path decides the model, whatever the body names.
    pub(super) fn decides(self, rest: &str) -> bool {
        let rest = rest.strip_prefix("openai/").unwrap_or(rest);
        self == Self::Azure && rest.starts_with("deployments/")
    }
}

/// Returns true if the first segment of a path to Azure is an area, not a resource or a deployment.
pub(super) fn is_azure_area(first: &str) -> bool {
    first.is_empty() || AZURE.contains(&first)
}

/// The first segment, and what follows its slash.
pub(super) fn split(rest: &str) -> (&str, &str) {
    rest.split_once('/').unwrap_or(rest.split_at(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gets_its_providers_form() {
        const COHERE: Layout = Layout::Rooted(&["v1", "v2", "compatibility"]);
        for (layout, rest, rewritten) in [
            (Layout::Plain, "v1/v1/chat", None),
            (COHERE, "", None),
            (COHERE, "v1/chat", None),
            (COHERE, "v1", None),
            (COHERE, "v2/v1/chat", None),
            (COHERE, "v1beta/chat", Some("v1/v1beta/chat")),
            (COHERE, "chat", Some("v1/chat")),
            (COHERE, "v1/v1/chat", Some("v1/chat")),
            (COHERE, "v1/v2/chat", Some("v2/chat")),
            (
                COHERE,
                "v1/compatibility/v1/chat/completions",
                Some("compatibility/v1/chat/completions"),
            ),
            (Layout::Azure, "openai/deployments/d/chat/completions", None),
            (Layout::Azure, "deployments/d/chat/completions", None),
            (Layout::Azure, "v1/responses", None),
            (Layout::Azure, "d", None),
            (Layout::Azure, "d/chat/completions", Some("deployments/d/chat/completions")),
            (Layout::WorkersAi, "@cf/meta/llama", Some("run/@cf/meta/llama")),
            (Layout::WorkersAi, "run/@cf/meta/llama", None),
            (Layout::WorkersAi, "v1/chat/completions", None),
            (Layout::HuggingFace, "chat/completions", Some("v1/chat/completions")),
            (Layout::HuggingFace, "models", Some("v1/models")),
            (Layout::HuggingFace, "models/o/n", None),
            (Layout::HuggingFace, "novita/v1/chat/completions", None),
        ] {
            assert_eq!(layout.rewritten(rest).as_deref(), rewritten, "{layout:?} {rest}");
        }
    }

    #[test]
    fn only_a_deployment_decides_the_model() {
        for (rest, decides) in [
            ("deployments/d/chat/completions", true),
            ("openai/deployments/d/chat/completions", true),
            ("openai/v1/chat/completions", false),
            ("responses", false),
            ("deployments%2Fd/chat/completions", false),
        ] {
            assert_eq!(Layout::Azure.decides(rest), decides, "{rest}");
            assert!(!Layout::Plain.decides(rest), "{rest}");
        }
    }
}
