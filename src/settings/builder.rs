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

/// Makes [`GatewaySettings`]; [`build`](Self::build) finds every mistake.
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

setters! { impl GatewaySettingsBuilder {
    /// Whether a conversation keeps its key and its base URL, so that the provider's prompt cache
    /// serves it. Default: where the provider has several base URLs, or the gateway several keys of
    /// one alias for it.
    ///
    /// A request names its conversation by `cf-aig-session-id`, `x-session-id`, a header of its
    /// harness (`x-claude-code-session-id`, `session_id`, `session-id`, `x-session-affinity`), or in
    /// its body by `prompt_cache_key` or `metadata.user_id`. A chat completion for xAI whose
    /// conversation is named by a header, and that has no `x-grok-conv-id`, gets one: a digest. `true`
    /// turns that on for a single key, too; `false` turns all of it off.
    pub fn session_affinity(self, on: bool) => self.settings.session_affinity = Some(on);

    /// The provider of models that name none, by its slug or an alias, in place of the layer's
    /// ([`GatewayLayerBuilder::default_provider`](crate::GatewayLayerBuilder::default_provider)). Where no provider of that
    /// name is there when a request comes, the request is refused as without it;
    /// [`check_providers`](GatewaySettings::check_providers) finds that before.
    ///
    /// Default: the layer's.
    pub fn default_provider(self, name: impl Into<String>) =>
        self.settings.default_provider = Some(name.into().into_boxed_str());

    /// What holds where a request's headers say nothing, within the ranges of those headers.
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

    /// One entry of the metadata of requests that have none of their own, among the
    /// [`defaults`](Self::defaults): up to five, each with its own name, none beginning with `cf.`.
    pub fn default_metadata(self, key: impl Into<String>, value: impl Into<MetadataValue>) => {
        let defaults = self.settings.defaults.get_or_insert_default();
        let is_added = defaults.metadata.add(key.into(), value.into()).is_ok();
        let form = "up to five entries, each with its own name, none beginning with `cf.`";
        self.require(is_added, "the default metadata", form);
    };

    /// One entry of the metadata of every request, whatever the client says: up to 16, each with its
    /// own name, none beginning with `cf.`. A client's entry of the same name is left out and named in
    /// `cf-aig-warning`. They do not count among the five that a client may send, and hold where
    /// `cf-aig-metadata` is [locked](Self::client_controls), too.
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

    /// Keeps a metadata key from clients without giving it a value: their entry of this name is left
    /// out and named in `cf-aig-warning`. Up to 16, none beginning with `cf.`, which no client can
    /// set anyway.
    pub fn reserve_metadata(self, key: impl Into<String>) => {
        let is_reserved = self.settings.locks.reserve(key.into()).is_ok();
        let form = "up to 16, none empty or beginning with `cf.`";
        self.require(is_reserved, "the reserved keys of metadata", form);
    };

    /// Which `cf-aig-*` headers clients may use: these, and no others. Settings in the `config` of a
    /// universal entry, and its headers, are under the same locks. What the host itself says, in
    /// [`defaults`](Self::defaults), fallback chains and dynamic routes, is not.
    ///
    /// Default: all but [`CustomCost`](ClientControl::CustomCost),
    /// [`CollectLog`](ClientControl::CollectLog) and
    /// [`CollectLogPayload`](ClientControl::CollectLogPayload), by which a client could zero its
    /// cost, hide its record, or have its prompts kept.
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

    /// What becomes of a header that clients may not use. Default: [`LockedHeaders::Ignore`].
    pub fn locked_headers(self, choice: LockedHeaders) => self.settings.locks.locked = choice;

    /// The timeouts of this gateway. A request's `cf-aig-*-timeout` headers go before them.
    pub fn timeouts(self, timeouts: Timeouts) => self.settings.timeouts = timeouts;

    /// The timeouts for one provider, before those of the gateway.
    pub fn provider_timeouts(self, provider: impl Into<String>, timeouts: Timeouts) =>
        self.settings.provider_timeouts.push((provider.into().into(), timeouts));

    /// Allows these providers alone, by slug or alias.
    pub fn allow_providers<P: Into<String>>(self, providers: impl IntoIterator<Item = P>) => {
        let names = providers.into_iter().map(|name| name.into().into());
        self.settings.rules.providers.get_or_insert_default().extend(names);
    };

    /// Allows these models alone; `*` stands for any text, and no provider stands before the name.
    ///
    /// It holds for what clients ask for, as all rules do: where fallback chains and dynamic routes
    /// lead is the host's own choice.
    ///
    /// Every model counts that a request can reach: in its path, in its query, as `model` of its body
    /// or of a form, and nested in its body (`models`, `fallbacks`, the models of tools, plugins,
    /// sessions, graders, and of the requests of a Messages batch). Google's `models/` may stand
    /// before a name. Names behind which a provider picks a model by itself (`openrouter/auto`,
    /// `@preset/…`, an agent) need a pattern that does not begin with `*`.
    ///
    /// What may be for any model is refused: a call that names none that can be read, a batch whose
    /// requests are in a file, a compressed body, a form that can be read in two ways. Uploads of
    /// files pass. Bodies are read beside their way to the provider; one in which a forbidden model
    /// is found late breaks off, so that the provider gets no whole request.
    ///
    /// A provider that answers from a model that is not allowed is told of as
    /// [`EndEvent::forbidden_model`](crate::EndEvent::forbidden_model).
    pub fn allow_models<P: AsRef<str>>(self, models: impl IntoIterator<Item = P>) => {
        let patterns: Vec<_> = models.into_iter().map(|model| self.pattern(model)).collect();
        let allowed = self.settings.rules.models.get_or_insert_default();
        allowed.extend(patterns.into_iter().flatten());
    };

    /// Refuses these models, whatever is allowed; `*` stands for any text.
    ///
    /// A denied model is refused in other spellings, too: with a maker or `models/` before it
    /// (`x-ai/grok-4`), a variant or version behind it (`grok-4:free`, `grok-4@20250709`), in another
    /// case, with white space around it. Names behind which a provider picks a model by itself are
    /// refused unless they are [allowed](Self::allow_models).
    pub fn deny_models<P: AsRef<str>>(self, models: impl IntoIterator<Item = P>) => {
        let patterns: Vec<_> = models.into_iter().map(|model| self.pattern(model)).collect();
        let lower = patterns.into_iter().flatten().filter_map(|one| one.to_lowercase());
        self.settings.rules.denied_models.extend(lower);
    };

    /// Breaks off answers from models that [`allow_models`](Self::allow_models) and
    /// [`deny_models`](Self::deny_models) forbid, before the data that names the model is handed on.
    /// Default: they are handed on, with a warning.
    ///
    /// The model that was asked for may answer under a dated name (`grok-4` as `grok-4-0709`). Where
    /// a provider's own names differ more (Azure's deployments, aliases), list them too. The status
    /// has been sent by then; and an answer that is compressed in a way that is not read, or names
    /// no model, cannot be checked.
    pub fn refuse_served_models(self) => self.settings.rules.refuses_served_models = true;

    /// What is tried where a provider fails; the first that fits a request counts.
    pub fn fallback(self, chain: FallbackChain) => self.settings.fallbacks.push(chain);

    /// A dynamic route, which clients name as the model `dynamic/{name}`. Of one name, the version
    /// that is added last is deployed.
    pub fn route(self, route: DynamicRoute) => {
        if let Err(error) = self.settings.routes.add(route) {
            self.mistake.get_or_insert(SettingsError::Route(error));
        }
    };

    /// How many exchanges of this gateway may be under way at once.
    pub fn concurrency(self, limit: ConcurrencyLimit) =>
        self.settings.concurrency.gateway = Some(limit);

    /// How many with each provider.
    pub fn concurrency_per_provider(self, limit: ConcurrencyLimit) =>
        self.settings.concurrency.providers.push((None, limit));

    /// How many with one provider, by slug or alias.
    pub fn concurrency_of_provider(self, provider: impl Into<String>, limit: ConcurrencyLimit) => {
        // In front: what is said of one provider goes before what is said of each.
        let of_one = (Some(provider.into().into()), limit);
        self.settings.concurrency.providers.insert(0, of_one);
    };

    /// How many with each credential that is sent to a provider.
    pub fn concurrency_per_credential(self, limit: ConcurrencyLimit) =>
        self.settings.concurrency.credential = Some(limit);

    /// Counts the limits of these settings under this name, for a
    /// [`SettingsResolver`](super::SettingsResolver) that makes them anew for each request.
    ///
    /// Default: a [`SettingsTable`](super::SettingsTable) counts them by the place where they stand
    /// in it, which outlives a reload, and all else for each build of them by itself.
    pub fn scope(self, name: &str) => self.settings.scope = scope_of(&["2", name]);
}}

impl GatewaySettingsBuilder {
    /// Limits what may be used, per time: requests, tokens or money. See [`limits`](super::limits).
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

    /// Keeps answers, to give them again. See [`cache`](super::cache). Said twice, the last one holds.
    ///
    /// Default: only the answers to requests that ask for it by `cf-aig-cache-key`, for 300 s unless they
    /// say otherwise; as [`CacheSettings::on_request`](super::cache::CacheSettings::on_request).
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
