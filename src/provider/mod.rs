//! Providers: the API of a slug, and how it expects requests.

mod api_kind;
mod bearer_paths;
mod built_in;
mod fixed;
pub(crate) mod headers;
pub(crate) mod join;
mod key_header;
mod layout;
mod origin;
mod providers;
mod regional;
mod site;
mod table;
mod upstream;
mod usage_option;

use std::fmt;

pub(crate) use self::api_kind::ApiKind;
use self::bearer_paths::BearerPaths;
pub(crate) use self::built_in::is_built_in;
pub(crate) use self::key_header::KeyHeader;
use self::layout::Layout;
pub(crate) use self::origin::Origin;
pub(crate) use self::providers::Providers;
use self::site::Site;
pub(crate) use self::upstream::{Upstream, is_slug};
use crate::util::macros::setters;

/// An upstream API: its slug in gateway paths and its base URL.
///
/// The built-in ones have constructors ([`Provider::xai`], …). Use [`Provider::custom`] for your
/// own and for OpenAI-compatible servers such as Ollama, vLLM and SGLang. Only the host chooses the
/// base URL: nothing in a request can change scheme, host or port.
///
/// ```
/// use tower_ai_gateway::Provider;
///
/// let regional = Provider::xai().base_url("https://us.api.x.ai/v1");
/// let ollama = Provider::custom("ollama", "http://127.0.0.1:11434/v1");
/// assert_eq!(ollama.slug(), "custom-ollama");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Provider {
    slug: String,
    /// The slug of the built-in provider that it is; `None` for a custom one.
    kind: Option<&'static str>,
    aliases: Vec<String>,
    base_url: String,
    /// More base URLs of the same API, and the weight of each in balancing.
    further_base_urls: Vec<(String, u32)>,
    weight: u32,
    openai_path: String,
    /// `None` if it is below the same path.
    messages_path: Option<String>,
    /// The path above `chat/completions`; `None` if that is below the same path.
    chat_path: Option<String>,
    merge_repeated_segments: bool,
    /// The header for the key; `None` for `authorization: Bearer`.
    key_header: Option<String>,
    /// The OpenAI-compatible API expects the key in `authorization` regardless.
    openai_takes_bearer: bool,
    /// The paths of that API among its own.
    bearer_paths: BearerPaths,
    keeps_nothing: bool,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    model_aliases: Vec<(String, String)>,
    layout: Layout,
    /// The site of its API, if the API has several.
    site: Option<Site>,
    /// What is wrong with the names that its base URL was built from.
    mistake: Option<&'static str>,
    /// Whether it is asked for the usage of streams; `None` for the gateway's default.
    asks_for_usage: Option<bool>,
}

impl Provider {
    /// Creates a custom provider with an OpenAI-compatible API below `base_url`.
    ///
    /// Its slug is `custom-{slug}`, as on the hosted gateway; the bare slug is an alias of it.
    #[must_use]
    pub fn custom(slug: impl AsRef<str>, base_url: impl Into<String>) -> Self {
        let bare = slug.as_ref().strip_prefix("custom-").unwrap_or(slug.as_ref());
        let slug = format!("custom-{bare}");
        Self::new(slug, base_url).alias(bare)
    }

    fn built_in(slug: &'static str, base_url: impl Into<String>) -> Self {
        Self { kind: Some(slug), ..Self::new(slug, base_url) }
    }

    fn new(slug: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self {
            slug: slug.into(),
            kind: None,
            aliases: Vec::new(),
            base_url: base_url.into(),
            further_base_urls: Vec::new(),
            weight: 1,
            openai_path: String::new(),
            messages_path: None,
            chat_path: None,
            merge_repeated_segments: true,
            key_header: None,
            openai_takes_bearer: false,
            bearer_paths: BearerPaths::None,
            keeps_nothing: false,
            query: Vec::new(),
            headers: Vec::new(),
            model_aliases: Vec::new(),
            layout: Layout::Plain,
            site: None,
            mistake: None,
            asks_for_usage: None,
        }
    }
}

setters! { impl Provider {
    /// Another base URL, for a region, a proxy or a test. `http` or `https`, no query.
    pub fn base_url(self, base_url: impl Into<String>) => self.base_url = base_url.into();

    /// Replaces the first base URL and removes all further ones: no request and no key is sent to
    /// them any more.
    pub fn only_base_url(self, base_url: impl Into<String>) => {
        self.further_base_urls.clear();
        self = self.base_url(base_url);
    };

    /// Adds another base URL of the same API. A layer for load and health balances requests by
    /// weight, at least 1 each. Without such a layer, the first base URL gets all requests.
    pub fn further_base_url(self, base_url: impl Into<String>, weight: u32) =>
        self.further_base_urls.push((base_url.into(), weight.max(1)));

    /// The weight of the first base URL, if there are further ones. Default: 1.
    pub fn weight(self, weight: u32) => self.weight = weight.max(1);

    /// The header in which this API expects a stored key, without a prefix.
    ///
    /// Default: as the provider documents it; for custom providers, `authorization` with `Bearer`.
    /// Built-in providers that expect `Bearer` on the paths of an OpenAI-compatible API get it there.
    pub fn key_header(self, name: impl Into<String>) => self.key_header = Some(name.into());

    /// A query parameter of every request to this provider, such as Azure's `api-version`.
    ///
    /// `name` and `value` are plain text and are percent-encoded. The client's own
    /// parameters of this name are removed. It cannot be a key. Default: none.
    pub fn query(self, name: impl Into<String>, value: impl Into<String>) => {
        let (name, value) = (name.into(), value.into());
        self.query.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        self.query.push((name, value));
    };

    /// A header of every request to this provider, in place of the client's own. Its value is
    /// marked sensitive, and goes to no other provider.
    ///
    /// It cannot be a header that providers read keys from, a hop-by-hop header, or one that
    /// describes the body. Default: none.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) => {
        let (name, value) = (name.into(), value.into());
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        self.headers.push((name, value));
    };

    /// A name that clients may use for a model of this provider.
    ///
    /// It applies where the gateway reads the model to choose the provider: on model-routed paths,
    /// and in `compat` entries of universal requests. There the provider's name replaces it in the
    /// body, all other bytes stay, and rules for models apply to the provider's name. On the
    /// provider's own paths bodies are not read and pass unchanged. Default: none.
    ///
    /// ```
    /// use tower_ai_gateway::Provider;
    ///
    /// // A deployment, under the name of its model.
    /// let azure = Provider::azure_openai("my-resource").model_alias("gpt-5", "my-deployment");
    /// ```
    pub fn model_alias(self, alias: impl Into<String>, model: impl Into<String>) =>
        self.model_aliases.push((alias.into(), model.into()));

    /// Adds a name for this provider, in paths and as a prefix of model names.
    pub fn alias(self, alias: impl Into<String>) => self.aliases.push(alias.into());

    /// Changes the slug, for another account, resource or region of the same API. Clears the
    /// aliases, and keeps the [`kind`](Self::kind): models cost what they cost at that provider,
    /// unless prices name this slug.
    ///
    /// ```
    /// use tower_ai_gateway::Provider;
    ///
    /// let other = Provider::cohere().with_slug("cohere-eu");
    /// assert_eq!((other.slug(), other.kind()), ("cohere-eu", Some("cohere")));
    /// ```
    pub fn with_slug(self, slug: impl Into<String>) => {
        self.slug = slug.into();
        self.aliases.clear();
    };

    /// The path from the base URL to the OpenAI-compatible API (`/v1`), for the unified routes.
    ///
    /// Empty if the base URL is that API. Default: as the provider documents it; empty for
    /// custom ones.
    pub fn openai_path(self, path: impl Into<String>) => {
        self.openai_path = path.into();
        self.chat_path = None;
    };

    /// The path from the base URL to the one above Anthropic's `messages` (`/anthropic/v1`), for
    /// the unified routes.
    ///
    /// Default: as the provider documents it; for others that of the OpenAI-compatible API.
    pub fn messages_path(self, path: impl Into<String>) => self.messages_path = Some(path.into());

    /// Whether to merge segments that end the base URL and start a path.
    ///
    /// With the base `https://api.groq.com/openai/v1`, `openai/v1/models`, `v1/models` and `models`
    /// all lead to `/openai/v1/models`. If off, a path is appended to the base URL
    /// unchanged, and a built-in provider does not rewrite it either. On by default.
    pub fn merge_repeated_segments(self, on: bool) => self.merge_repeated_segments = on;

    /// Whether this provider is asked for the usage of streams, overriding the gateway's setting;
    /// see [`GatewayLayerBuilder::ask_for_usage`](crate::GatewayLayerBuilder::ask_for_usage).
    ///
    /// Default: the gateway's setting. Those that refuse the option (Mistral) or report the usage
    /// of every stream anyway (OpenRouter, Perplexity, Workers AI, Bedrock) are not asked.
    pub fn ask_for_usage(self, asks: bool) => self.asks_for_usage = Some(asks);

    /// Whether the host's account at this provider has zero data retention: requests with
    /// `cf-aig-zdr: true` go to no other provider (400, code 2400). This only declares it; it
    /// changes no request. Off by default, for built-in providers too.
    pub fn zero_data_retention(self, on: bool) => self.keeps_nothing = on;
}}

impl Provider {
    /// Returns true if `name` is the slug or an alias of this provider.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        self.slug == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// All its base URLs.
    #[cfg(all(feature = "config", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
    pub(crate) fn base_urls(&self) -> impl Iterator<Item = &str> {
        let further = self.further_base_urls.iter().map(|(url, _)| url.as_str());
        std::iter::once(&*self.base_url).chain(further)
    }

    /// The name of this provider in paths, events and logs.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// The slug of the built-in provider that this is, whatever its own slug; `None` for a
    /// [custom](Self::custom) one. The form of its answers and what it bills depend on this.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        self.kind
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL with a password or a query is refused later; until then neither must be shown.
        let base_url = match self.base_url.split_once(['?', '#']) {
            _ if self.base_url.contains('@') => "(holds credentials)",
            Some((plain, _)) => plain,
            None => &self.base_url,
        };
        f.debug_struct("Provider")
            .field("slug", &self.slug)
            .field("aliases", &self.aliases)
            .field("base_url", &base_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
