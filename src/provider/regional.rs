//! Providers whose host depends on a resource, a region or an account.
//!
//! The application names it, which fixes the base URL. On the hosted gateway, paths contain these
//! names; here a name in a path selects one of the configured providers, and an unknown name is
//! refused. A part of a path never becomes part of a host.

use super::Provider;
use super::bearer_paths::BearerPaths;
use super::layout::Layout;
use super::site::{Family, Site};

/// The slugs and aliases of the providers below.
pub(super) const NAMES: &[&str] = &[
    "azure-openai",
    "azure",
    "google-vertex-ai",
    "vertex-ai",
    "aws-bedrock",
    "bedrock",
    "aws-bedrock-mantle",
    "workers-ai",
];

const NOT_A_LABEL: &str =
    "its resource, region or account must be 1 to 63 of A-Z a-z 0-9 -, as in a host's name";
const NOT_A_PROJECT: &str = "its project must be 1 to 63 of A-Z a-z 0-9 - . : _";

/// Returns true if it can be a label of a host name.
fn is_label(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_project(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
    (1..=63).contains(&text.len()) && text.bytes().all(is_plain) && !matches!(text, "." | "..")
}

impl Provider {
    /// Azure OpenAI, `https://{resource}.openai.azure.com/openai`; slug `azure-openai`, alias
    /// `azure`.
    ///
    /// Paths are Azure's own, with or without `openai/`, or the hosted gateway's
    /// `{resource}/{deployment}/…`. Azure requires `api-version` in the query of all but its `v1`
    /// paths: it can be set by [`query`](Self::query). Model-routed requests go to `/openai/v1`,
    /// where the model is the name of a deployment. Keys go as `api-key`. Claude has another host:
    /// `Provider::custom("azure-claude", "https://{resource}.services.ai.azure.com/anthropic")`.
    ///
    /// ```
    /// use tower_ai_gateway::Provider;
    ///
    /// let here = Provider::azure_openai("my-resource").query("api-version", "2024-10-21");
    /// let there = Provider::azure_openai("other-resource").with_slug("azure-other");
    /// assert_eq!((here.slug(), there.slug()), ("azure-openai", "azure-other"));
    /// ```
    #[must_use]
    pub fn azure_openai(resource: impl AsRef<str>) -> Self {
        let resource = &*resource.as_ref().to_ascii_lowercase();
        let base_url = format!("https://{resource}.openai.azure.com/openai");
        let provider = Self::at_site("azure-openai", base_url, Family::Azure, resource, resource);
        Self { layout: Layout::Azure, ..provider }
            .alias("azure")
            .openai_path("/v1")
            .key_header("api-key")
    }

    /// Google Vertex AI in a region, such as `https://us-central1-aiplatform.googleapis.com`; slug
    /// `google-vertex-ai`, alias `vertex-ai`. The regions `global`, `us` and `eu` have hosts of
    /// their own.
    ///
    /// Paths are Google's, `v1/projects/{project}/locations/{region}/…`, of any project that the
    /// token is for; another region is refused. Model-routed requests go to the OpenAI-compatible
    /// API of `project`. Keys are OAuth tokens, sent with `Bearer`: they last an hour, so a layer
    /// such as `KeyLayer` (feature `control`) fetches them.
    #[must_use]
    pub fn vertex_ai(project: impl AsRef<str>, region: impl AsRef<str>) -> Self {
        let (project, region) = (project.as_ref(), &*region.as_ref().to_ascii_lowercase());
        let base_url = match region {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            "us" | "eu" => format!("https://aiplatform.{region}.rep.googleapis.com"),
            region => format!("https://{region}-aiplatform.googleapis.com"),
        };
        let mut provider =
            Self::at_site("google-vertex-ai", base_url, Family::Vertex, region, region);
        if !is_project(project) {
            provider.mistake = Some(NOT_A_PROJECT);
        }
        let openai_path = format!("/v1/projects/{project}/locations/{region}/endpoints/openapi");
        provider.alias("vertex-ai").openai_path(openai_path)
    }

    /// Amazon Bedrock's runtime in a region, `https://bedrock-runtime.{region}.amazonaws.com`; slug
    /// `aws-bedrock`, alias `bedrock`.
    ///
    /// Paths are Amazon's, `model/{model}/converse`, or the hosted gateway's
    /// `bedrock-runtime/{region}/model/…`. Model-routed requests go to `/openai/v1`. Stored keys
    /// are Bedrock's API keys, sent with `Bearer`. A request that its client has signed passes
    /// unchanged; nothing is signed here.
    #[must_use]
    pub fn bedrock(region: impl AsRef<str>) -> Self {
        let region = &*region.as_ref().to_ascii_lowercase();
        let base_url = format!("https://bedrock-runtime.{region}.amazonaws.com");
        let name = format!("bedrock-runtime/{region}");
        Self::at_site("aws-bedrock", base_url, Family::Bedrock, region, &name)
            .alias("bedrock")
            .openai_path("/openai/v1")
    }

    /// Amazon Bedrock's second endpoint, `https://bedrock-mantle.{region}.api.aws`, with OpenAI's
    /// paths below `v1` and Anthropic's at `anthropic/v1/messages`; slug `aws-bedrock-mantle`.
    ///
    /// Beside [`bedrock`](Self::bedrock), it is also reached as
    /// `aws-bedrock/bedrock-mantle/{region}/…`. Keys go with `Bearer`, and below `anthropic` as
    /// `x-api-key`.
    #[must_use]
    pub fn bedrock_mantle(region: impl AsRef<str>) -> Self {
        let region = &*region.as_ref().to_ascii_lowercase();
        let base_url = format!("https://bedrock-mantle.{region}.api.aws");
        let name = format!("bedrock-mantle/{region}");
        let provider =
            Self::at_site("aws-bedrock-mantle", base_url, Family::Bedrock, region, &name);
        let bearer_paths = BearerPaths::Outside("anthropic");
        Self { openai_takes_bearer: true, bearer_paths, ..provider }
            .openai_path("/v1")
            .messages_path("/anthropic/v1")
            .key_header("x-api-key")
    }

    /// Cloudflare's Workers AI of an account; slug `workers-ai`.
    ///
    /// Paths are Cloudflare's after `…/accounts/{account}/ai`, or a model alone, as on the hosted
    /// gateway: `@cf/meta/llama-3.1-8b-instruct` leads to `run/@cf/meta/llama-3.1-8b-instruct`.
    #[must_use]
    pub fn workers_ai(account: impl AsRef<str>) -> Self {
        let account = account.as_ref();
        let base_url = format!("https://api.cloudflare.com/client/v4/accounts/{account}/ai");
        let mistake = (!is_label(account)).then_some(NOT_A_LABEL);
        let provider = Self::built_in("workers-ai", base_url).openai_path("/v1");
        Self { layout: Layout::WorkersAi, mistake, ..provider }
    }

    /// `label` is the part of the host that the caller chooses, `name` the site as paths name it.
    fn at_site(
        slug: &'static str,
        base_url: String,
        family: Family,
        label: &str,
        name: &str,
    ) -> Self {
        Self {
            site: Some(Site { family, name: name.into() }),
            mistake: (!is_label(label)).then_some(NOT_A_LABEL),
            ..Self::built_in(slug, base_url)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_site_as_its_family_does() {
        for (family, rest, named) in [
            (Family::Azure, "res/dep/chat/completions", Some(("res", "dep/chat/completions"))),
            (Family::Azure, "openai/deployments/dep/chat", None),
            (Family::Azure, "", None),
            (
                Family::Bedrock,
                "bedrock-runtime/us-east-1/model/a/invoke",
                Some(("bedrock-runtime/us-east-1", "model/a/invoke")),
            ),
            (Family::Bedrock, "bedrock-runtime/us-east-1", Some(("bedrock-runtime/us-east-1", ""))),
            (Family::Bedrock, "bedrock-runtime/", None),
            (Family::Bedrock, "bedrock-runtime", None),
            (Family::Bedrock, "model/bedrock-runtime/us-east-1", None),
            (
                Family::Vertex,
                "v1/projects/p/locations/eu/publishers/x",
                Some(("eu", "v1/projects/p/locations/eu/publishers/x")),
            ),
            (Family::Vertex, "projects/p/locations/eu", Some(("eu", "projects/p/locations/eu"))),
            (Family::Vertex, "v1/projects/p", None),
            (Family::Vertex, "v1/projects/locations/eu/x", None),
            (Family::Vertex, "v1/publishers/google/models/gemini", None),
        ] {
            assert_eq!(family.named(rest), named, "{family:?} {rest}");
        }
    }
}
