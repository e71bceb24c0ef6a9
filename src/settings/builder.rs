//! The builder of a gateway's settings.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::concurrency::ConcurrencyLimit;
use super::keys::{DEFAULT_ALIAS, StoredKey};
use super::route::DynamicRoute;
use super::{
    ClientCredentials, FallbackChain, GatewaySettings, GatewayToken, Origins, SettingsError,
};
use crate::credentials::secret::Secret;
use crate::directives::Directives;
use crate::directives::locks::{ClientControl, LockedHeaders};
use crate::directives::metadata::MetadataValue;
use crate::directives::pattern::Pattern;
use crate::directives::timeouts::Timeouts;
use crate::util::digest::add_parts;
use crate::util::macros::setters;
use crate::util::text::is_id;

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
    /// Lets in who shows this token. Several may be valid at once.
    pub fn token(self, token: GatewayToken) => self.settings.tokens.push(token);

    /// Something else says who may use this gateway, such as the host's own middleware: stored keys
    /// may be used without a token.
    ///
    /// What the browser of a client attaches by itself, such as a cookie, a password or its place in
    /// the network, goes with the requests of any page. Those of pages from elsewhere are therefore
    /// refused (403, code 2403), unless their [origin is allowed](Self::allow_origin).
    ///
    /// With stored keys, say what becomes of the [clients' own](Self::client_credentials): what lets
    /// them into the host's app, such as a bearer token, would go to the provider otherwise, and
    /// [`build`](Self::build) logs a warning.
    pub fn authenticated_elsewhere(self) => self.is_authenticated_elsewhere = true;

    /// Lets the pages of this origin, such as `https://app.example`, spend stored keys where no token
    /// is asked for; `*` lets all pages. Default: those alone that the gateway's own host serves.
    pub fn allow_origin(self, origin: impl AsRef<str>) => {
        let is_one = self.origins.allow(origin.as_ref());
        let form = "`*`, or a scheme and a host, such as `https://app.example`";
        self.require(is_one, "an allowed origin", form);
    };
}}

impl GatewaySettingsBuilder {
    /// Keeps a provider's key for clients that bring none. `provider` is a slug or an alias.
    pub fn key(self, provider: impl Into<String>, key: Secret) -> Self {
        self.add_key(provider.into(), DEFAULT_ALIAS.to_owned(), key, 0)
    }

    /// Keeps a key that clients choose by `cf-aig-byok-alias`.
    pub fn key_as(
        self,
        provider: impl Into<String>,
        alias: impl Into<String>,
        key: Secret,
    ) -> Self {
        self.add_key(provider.into(), alias.into(), key, 0)
    }

    /// Keeps one of several keys of the same alias that share the load by their weights, at least 1
    /// each. A layer for load and health chooses; without one, the first is used.
    pub fn weighted_key(
        self,
        provider: impl Into<String>,
        alias: impl Into<String>,
        key: Secret,
        weight: u32,
    ) -> Self {
        self.add_key(provider.into(), alias.into(), key, weight.max(1))
    }

    fn add_key(mut self, provider: String, alias: String, secret: Secret, weight: u32) -> Self {
        if !is_id(&alias) {
            self.mistake.get_or_insert(SettingsError::Alias { alias: alias.clone() });
        }
        let is_taken = self.settings.keys.0.iter().any(|key| {
            *key.provider == *provider && *key.alias == *alias && (key.weight == 0 || weight == 0)
        });
        if is_taken {
            let (provider, alias) = (provider.clone(), alias.clone());
            self.mistake.get_or_insert(SettingsError::DuplicateKey { provider, alias });
        }
        self.settings.keys.0.push(StoredKey::new(provider, alias, secret, weight));
        self
    }
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

    /// Keys that are not stored here come from a layer below the gateway, such as `KeyLayer` (feature
    /// `control`): a request without one goes on, whatever alias it names.
    pub fn keys_from_layer(self) => self.settings.takes_keys_from_layer = true;

    /// Refuses requests for whose provider there is no key, neither the client's nor a stored one
    /// (401). Default: they go on, and the provider answers.
    pub fn require_credentials(self) => self.settings.requires_credentials = true;

    /// What becomes of keys that clients bring for their provider. The app's own credentials, such
    /// as a session's bearer token, look like one. Default: [`ClientCredentials::Pass`].
    pub fn client_credentials(self, choice: ClientCredentials) =>
        self.settings.client_credentials = Some(choice);

    /// The same for one provider, by slug or alias, before what holds for the gateway.
    pub fn client_credentials_for(self, provider: impl Into<String>, choice: ClientCredentials) => {
        // In front: what is said last counts.
        let of_one = (provider.into().into(), choice);
        self.settings.provider_client_credentials.insert(0, of_one);
    };

    /// [`ClientCredentials::Refuse`]: requests that bring a key for their provider are refused (403).
    pub fn refuse_client_credentials(self) =>
        self = self.client_credentials(ClientCredentials::Refuse);

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
    /// Keeps the first mistake, for `build` to report.
    fn require(&mut self, is_right: bool, what: &'static str, must_be: &'static str) {
        if !is_right {
            self.mistake.get_or_insert(SettingsError::OutOfRange { what, must_be });
        }
    }

    fn pattern(&mut self, pattern: impl AsRef<str>) -> Option<Pattern> {
        let pattern = Pattern::new(pattern.as_ref());
        if pattern.is_none() {
            self.mistake.get_or_insert(SettingsError::Pattern);
        }
        pattern
    }

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

    /// The first mistake so far. A settings file asks after each setting, to name its place.
    #[cfg(feature = "config")]
    pub(crate) fn mistake(&self) -> Option<&SettingsError> {
        self.mistake.as_ref()
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// A [`SettingsError`] that says what is wrong. Stored keys without a token are refused, unless
    /// something else [authenticates](Self::authenticated_elsewhere).
    pub fn build(self) -> Result<GatewaySettings, SettingsError> {
        let Self { mut settings, is_authenticated_elsewhere, origins, mistake } = self;
        if let Some(mistake) = mistake {
            return Err(mistake);
        }
        if settings.tokens.iter().any(GatewayToken::is_empty) {
            return Err(SettingsError::EmptyToken);
        }
        if settings.tokens.iter().any(GatewayToken::is_short) {
            return Err(SettingsError::ShortToken);
        }
        if settings.tokens.len() > usize::from(u16::MAX) {
            let what = "the number of a gateway's tokens";
            return Err(SettingsError::OutOfRange { what, must_be: "at most 65,535" });
        }
        let has_keys = !settings.keys.is_empty() || settings.takes_keys_from_layer;
        if settings.tokens.is_empty() && has_keys && !is_authenticated_elsewhere {
            return Err(SettingsError::KeysWithoutTokens);
        }
        if is_authenticated_elsewhere && has_keys && settings.client_credentials.is_none() {
            tracing::warn!(
                target: crate::TARGET,
                "something else authenticates this gateway's clients, and nothing says what becomes \
                 of credentials that they bring: the host's own, such as a bearer token, go to the \
                 provider in place of the stored key. Set client_credentials to pass, ignore or refuse"
            );
        }
        let is_open = settings.tokens.is_empty() && has_keys;
        settings.origins = is_open.then(|| Box::new(origins));
        if settings.fallbacks.iter().any(|fallback| fallback.steps.is_empty()) {
            return Err(SettingsError::FallbackWithoutSteps);
        }
        if settings.fallbacks.iter().any(|fallback| fallback.pattern.is_none()) {
            return Err(SettingsError::Pattern);
        }
        if let Some(defaults) = settings.defaults.as_deref() {
            super::defaults::check(defaults)?;
        }
        if let Some(host) = settings.locks.host_metadata() {
            let defaults = settings.defaults.get_or_insert_default();
            defaults.metadata = std::mem::take(&mut defaults.metadata).after(host);
        }
        #[cfg(feature = "limits")]
        settings.limits.find_routes(&settings.routes)?;
        if settings.scope == 0 {
            static BUILT: AtomicU64 = AtomicU64::new(1);
            settings.scope = BUILT.fetch_add(1, Ordering::Relaxed);
        }
        Ok(settings)
    }
}

const NAMED: u64 = 1 << 63;

/// The scope of a name, the same in every process. Scopes that are only counted are below all of
/// these.
pub(crate) fn scope_of(name: &[&str]) -> u64 {
    let mut digest = Sha256::new();
    for part in name {
        add_parts(&mut digest, &[part.as_bytes()]);
    }
    let digest: [u8; 32] = digest.finalize().into();
    digest[..8].iter().fold(0, |scope, byte| scope << 8 | u64::from(*byte)) | NAMED
}

pub(crate) fn is_named(scope: u64) -> bool {
    scope & NAMED != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Secret {
        Secret::new("sk-LEAK-builder").unwrap()
    }

    #[test]
    fn stored_keys_need_a_token_or_another_lock() {
        let keys = || GatewaySettings::builder().key("grok", key());
        assert_eq!(keys().build().unwrap_err(), SettingsError::KeysWithoutTokens);
        assert!(keys().token(GatewayToken::new("test-token")).build().is_ok());
        let from_layer = GatewaySettings::builder().keys_from_layer();
        assert_eq!(from_layer.build().unwrap_err(), SettingsError::KeysWithoutTokens);
        let settings = keys().authenticated_elsewhere().build().unwrap();
        assert!(!format!("{settings:?}").contains("LEAK"));
    }

    #[test]
    fn every_mistake_is_found() {
        let locked = || GatewaySettings::builder().token(GatewayToken::new("test-token"));
        let twice = locked().key("grok", key()).key("grok", key());
        assert!(matches!(twice.build(), Err(SettingsError::DuplicateKey { .. })));
        let shared = |weight| locked().weighted_key("grok", "a", key(), weight);
        assert!(shared(1).weighted_key("grok", "a", key(), 3).build().is_ok());
        assert!(shared(1).key_as("grok", "a", key()).build().is_err());
        let alias = locked().key_as("grok", "a b", key());
        assert!(matches!(alias.build(), Err(SettingsError::Alias { .. })));
        assert_eq!(locked().allow_models([""]).build().unwrap_err(), SettingsError::Pattern);
        let fallback = locked().fallback(FallbackChain::on("*"));
        assert_eq!(fallback.build().unwrap_err(), SettingsError::FallbackWithoutSteps);
        let fallback = locked().fallback(FallbackChain::on("").to_model("x"));
        assert_eq!(fallback.build().unwrap_err(), SettingsError::Pattern);
        let attempts = locked().defaults(|defaults| defaults.max_attempts = Some(6));
        assert!(matches!(attempts.build(), Err(SettingsError::OutOfRange { .. })));
        let short = locked().token(GatewayToken::new(" 1234567 "));
        assert_eq!(short.build().unwrap_err(), SettingsError::ShortToken);
        let many = |count| {
            let token = GatewayToken::new("test-token");
            (0..count).fold(GatewaySettings::builder(), |all, _| all.token(token.clone())).build()
        };
        assert!(many(65_535).is_ok());
        assert!(matches!(many(65_536), Err(SettingsError::OutOfRange { .. })));
        let empty = locked().token(GatewayToken::new(" "));
        assert_eq!(empty.build().unwrap_err(), SettingsError::EmptyToken);
    }
}
