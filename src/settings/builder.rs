//! The builder of a gateway's settings.

mod access;
mod build;

use super::concurrency::ConcurrencyLimit;
use super::route::DynamicRoute;
use super::scope::scope_of;
use super::{FallbackChain, GatewaySettings, Origins, SettingsError};
use crate::directives::Directives;
use crate::directives::locks::{ClientControl, LockedHeaders};
use crate::directives::metadata::MetadataValue;
use crate::directives::timeouts::Timeouts;
use crate::util::macros::setters;

/// Builds [`GatewaySettings`]; [`build`](Self::build) checks everything.
///
/// ```
/// use tower_ai_gateway::settings::{ConcurrencyLimit, GatewaySettings, GatewayToken, Secret};
///
/// let key = Secret::new("example-key")?;
/// let settings = GatewaySettings::builder()
///     .token(GatewayToken::new("example-token"))
///     .key("grok", key.clone())
///     .allow_models(["grok-4*"])
///     .concurrency(ConcurrencyLimit::new(100))
///     .build()?;
/// assert!(settings.asks_for_token());
/// // A stored key that anybody could spend is a mistake.
/// assert!(GatewaySettings::builder().key("grok", key).build().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct GatewaySettingsBuilder {
    settings: GatewaySettings,
    is_authenticated_elsewhere: bool,
    origins: Origins,
    mistake: Option<SettingsError>,
}

impl GatewaySettings {
    /// Starts building settings.
    pub fn builder() -> GatewaySettingsBuilder {
        GatewaySettingsBuilder::default()
    }
}

setters! { impl GatewaySettingsBuilder {
    /// Whether a conversation keeps its key and its base URL, so that the provider's prompt cache
    /// serves it. Default: if the provider has several base URLs, or the gateway several keys of
    /// one alias for it.
    ///
    /// A request names its conversation by `cf-aig-session-id`, `x-session-id`, a header of its
    /// harness (`x-claude-code-session-id`, `session_id`, `session-id`, `x-session-affinity`), or
    /// in its body by `prompt_cache_key` or `metadata.user_id`. If a header names the conversation,
    /// a chat completion for xAI without an `x-grok-conv-id` gets one: a digest. `true` turns that
    /// on for a single key, too; `false` turns all of it off.
    pub fn session_affinity(self, on: bool) => self.settings.session_affinity = Some(on);

    /// The provider of models without a provider prefix, by slug or alias, instead of the layer's
    /// ([`GatewayLayerBuilder::default_provider`](crate::GatewayLayerBuilder::default_provider)).
    /// If the gateway has no provider of that name, requests for these models are refused;
    /// [`check_providers`](GatewaySettings::check_providers) finds that in advance.
    ///
    /// Default: the layer's.
    pub fn default_provider(self, name: impl Into<String>) =>
        self.settings.default_provider = Some(name.into().into_boxed_str());

    /// Defaults of the control headers, within the ranges of those headers.
    ///
    /// ```
    /// use tower_ai_gateway::settings::GatewaySettings;
    ///
    /// let settings = GatewaySettings::builder()
    ///     .defaults(|defaults| defaults.max_attempts = Some(3))
    ///     .build()?;
    /// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
    /// ```
    pub fn defaults(self, set: impl FnOnce(&mut Directives)) =>
        set(self.settings.defaults.get_or_insert_default());

    /// Adds a metadata entry to the [`defaults`](Self::defaults), for requests that have no
    /// metadata of their own: up to five, each with its own name, none beginning with `cf.`.
    pub fn default_metadata(self, key: impl Into<String>, value: impl Into<MetadataValue>) => {
        let defaults = self.settings.defaults.get_or_insert_default();
        let is_added = defaults.metadata.add(key.into(), value.into()).is_ok();
        let form = "up to five entries, each with its own name, none beginning with `cf.`";
        self.require(is_added, "the default metadata", form);
    };

    /// Adds a metadata entry to every request, whatever the client sends: up to 16, each with its
    /// own name, none beginning with `cf.`. A client's entry of the same name is dropped and named
    /// in `cf-aig-warning`. These entries do not count among the five that a client may send, and
    /// apply even if `cf-aig-metadata` is [locked](Self::client_controls).
    ///
    /// ```
    /// use tower_ai_gateway::settings::GatewaySettings;
    ///
    /// let settings = GatewaySettings::builder()
    ///     .metadata("tenant", "red") // in every record and event
    ///     .reserve_metadata("plan") // no client can claim one
    ///     .build()?;
    /// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
    /// ```
    pub fn metadata(self, key: impl Into<String>, value: impl Into<MetadataValue>) => {
        let is_held = self.settings.locks.hold(key.into(), value.into()).is_ok();
        let form = "up to 16 entries, each with its own name, none beginning with `cf.`";
        self.require(is_held, "the metadata of the host", form);
    };

    /// Reserves a metadata key without giving it a value: a client's entry of this name is dropped
    /// and named in `cf-aig-warning`. Up to 16, none beginning with `cf.`, which no client can set
    /// anyway.
    pub fn reserve_metadata(self, key: impl Into<String>) => {
        let is_reserved = self.settings.locks.reserve(key.into()).is_ok();
        let form = "up to 16, none empty or beginning with `cf.`";
        self.require(is_reserved, "the reserved keys of metadata", form);
    };

    /// The only `cf-aig-*` headers that clients may use. The same locks apply to the headers and
    /// the `config` of a universal entry, but not to the host's own [`defaults`](Self::defaults),
    /// fallback chains and dynamic routes.
    ///
    /// Default: all but [`CustomCost`](ClientControl::CustomCost),
    /// [`CollectLog`](ClientControl::CollectLog) and
    /// [`CollectLogPayload`](ClientControl::CollectLogPayload), with which a client could zero its
    /// cost, hide its log record, or have its prompts logged.
    ///
    /// ```
    /// use tower_ai_gateway::settings::{ClientControl, GatewaySettings, LockedHeaders};
    ///
    /// let settings = GatewaySettings::builder()
    ///     .client_controls([ClientControl::Retry, ClientControl::EventId])
    ///     .locked_headers(LockedHeaders::Refuse)
    ///     .build()?;
    /// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
    /// ```
    pub fn client_controls(self, controls: impl IntoIterator<Item = ClientControl>) =>
        self.settings.locks = self.settings.locks.allowing(controls);

    /// How to treat a header that clients may not use. Default: [`LockedHeaders::Ignore`].
    pub fn locked_headers(self, choice: LockedHeaders) => self.settings.locks.locked = choice;

    /// The timeouts of this gateway. A request's `cf-aig-*-timeout` headers override them.
    pub fn timeouts(self, timeouts: Timeouts) => self.settings.timeouts = timeouts;

    /// The timeouts for one provider, which override those of the gateway.
    pub fn provider_timeouts(self, provider: impl Into<String>, timeouts: Timeouts) =>
        self.settings.provider_timeouts.push((provider.into().into(), timeouts));

    /// Allows only these providers, by slug or alias.
    pub fn allow_providers<P: Into<String>>(self, providers: impl IntoIterator<Item = P>) => {
        let names = providers.into_iter().map(|name| name.into().into());
        self.settings.rules.providers.get_or_insert_default().extend(names);
    };

    /// Allows only these models, without a provider prefix; `*` matches any text.
    ///
    /// Like all rules it applies to the client's request, not to the steps of fallback chains and
    /// dynamic routes, which the host has chosen.
    ///
    /// It checks every model that a request can reach: in its path, in its query, as `model` of its
    /// body or of a form, and nested in its body (`models`, `fallbacks`, the models of tools,
    /// plugins, sessions, graders, and of the requests of a Messages batch). A name may have
    /// Google's prefix `models/`. If a provider picks the model behind a name by itself
    /// (`openrouter/auto`, `@preset/…`, an agent), the name needs a pattern that does not begin
    /// with `*`.
    ///
    /// A request that may be for any model is refused: a call without a readable model, a batch
    /// whose requests are in a file, a compressed body, a form that can be read in two ways. File
    /// uploads pass. The gateway reads bodies while they stream to the provider. If it finds a
    /// forbidden model late, it breaks the body off, so that the provider gets no complete request.
    ///
    /// If a provider answers from another model than the allowed ones,
    /// [`EndEvent::forbidden_model`](crate::EndEvent::forbidden_model) names it.
    pub fn allow_models<P: AsRef<str>>(self, models: impl IntoIterator<Item = P>) => {
        let patterns: Vec<_> = models.into_iter().map(|model| self.pattern(model)).collect();
        let allowed = self.settings.rules.models.get_or_insert_default();
        allowed.extend(patterns.into_iter().flatten());
    };

    /// Refuses these models, whatever is allowed; `*` matches any text.
    ///
    /// Other spellings of a denied model are refused, too: with a maker or `models/` in front
    /// (`x-ai/grok-4`), a variant or version at the end (`grok-4:free`, `grok-4@20250709`), in
    /// another case, with white space around it. A name behind which a provider picks a model by
    /// itself is refused unless it is [allowed](Self::allow_models). A name with more than 16 slashes
    /// is refused.
    pub fn deny_models<P: AsRef<str>>(self, models: impl IntoIterator<Item = P>) => {
        let patterns: Vec<_> = models.into_iter().map(|model| self.pattern(model)).collect();
        let lower = patterns.into_iter().flatten().filter_map(|one| one.to_lowercase());
        self.settings.rules.denied_models.extend(lower);
    };

    /// Breaks off responses of models that [`allow_models`](Self::allow_models) and
    /// [`deny_models`](Self::deny_models) forbid, before the data that names the model is relayed.
    /// Default: they are relayed, with a warning.
    ///
    /// The requested model may answer under a dated name (`grok-4` as `grok-4-0709`), without the region,
    /// vendor and version of Bedrock's names, or under another name of its row in the price table
    /// (`gpt-5.6` as `gpt-5.6-sol`). If a provider's own names differ more, list them too. The status has
    /// been sent by then. A response that names no model, or whose coding cannot be read, is
    /// not checked.
    pub fn refuse_served_models(self) => self.settings.rules.refuses_served_models = true;

    /// Adds a chain of fallbacks, tried if a provider fails; the first chain that matches a request
    /// counts.
    pub fn fallback(self, chain: FallbackChain) => self.settings.fallbacks.push(chain);

    /// Adds a dynamic route, which clients name as the model `dynamic/{name}`. The version added
    /// last is the deployed one.
    pub fn route(self, route: DynamicRoute) => {
        if let Err(error) = self.settings.routes.add(route) {
            self.mistake.get_or_insert(SettingsError::Route(error));
        }
    };

    /// Limits the concurrent exchanges of this gateway.
    pub fn concurrency(self, limit: ConcurrencyLimit) =>
        self.settings.concurrency.gateway = Some(limit);

    /// Limits the concurrent exchanges with each provider.
    pub fn concurrency_per_provider(self, limit: ConcurrencyLimit) =>
        self.settings.concurrency.providers.push((None, limit));

    /// Limits the concurrent exchanges with one provider, by slug or alias.
    pub fn concurrency_of_provider(self, provider: impl Into<String>, limit: ConcurrencyLimit) => {
        // In front: a limit of one provider overrides that of each.
        let of_one = (Some(provider.into().into()), limit);
        self.settings.concurrency.providers.insert(0, of_one);
    };

    /// Limits the concurrent exchanges with each provider key.
    pub fn concurrency_per_credential(self, limit: ConcurrencyLimit) =>
        self.settings.concurrency.credential = Some(limit);

    /// Counts the limits of these settings under this name, for a
    /// [`SettingsResolver`](super::SettingsResolver) that builds settings for each request.
    ///
    /// Default: in a [`SettingsTable`](super::SettingsTable) they count under their place in it,
    /// which outlives a reload; elsewhere each build counts separately.
    pub fn scope(self, name: &str) => self.settings.scope = scope_of(&["2", name]);
}}

impl GatewaySettingsBuilder {
    /// Adds a limit on requests, tokens or money per period. See [`limits`](super::limits).
    #[cfg(feature = "limits")]
    #[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
    pub fn limit(mut self, rule: super::limits::LimitRule) -> Self {
        let name = rule.name.clone();
        if let Err(problem) = self.settings.limits.add(rule) {
            let problem = problem.to_string();
            self.mistake.get_or_insert(SettingsError::Limit { name: name.into(), problem });
        }
        self
    }

    /// Caches responses. See [`cache`](super::cache). The last call counts.
    ///
    /// Default: only requests with a `cf-aig-cache-key` are cached, for 300 s unless they set a
    /// TTL, as with [`CacheSettings::on_request`](super::cache::CacheSettings::on_request).
    #[cfg(feature = "cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
    pub fn cache(mut self, cache: super::cache::CacheSettings) -> Self {
        if let Err(mistake) = cache.check() {
            self.mistake.get_or_insert(mistake);
        }
        self.settings.cache = Some(Box::new(cache));
        self
    }
}

#[cfg(test)]
mod tests;
