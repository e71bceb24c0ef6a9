//! Who may use a gateway, and with whose provider key.

use super::GatewaySettingsBuilder;
use crate::credentials::secret::Secret;
use crate::settings::keys::{DEFAULT_ALIAS, StoredKey};
use crate::settings::{ClientCredentials, GatewayToken, SettingsError};
use crate::util::macros::setters;
use crate::util::text::is_id;

setters! { impl GatewaySettingsBuilder {
    /// Admits clients that send this token. Several may be valid at once.
    pub fn token(self, token: GatewayToken) => self.settings.tokens.push(token);

    /// Allows stored keys without a token, because something else authenticates clients, such as
    /// the host's own middleware.
    ///
    /// A browser adds credentials to the requests of any page: a cookie, a password, its place in
    /// the network. So requests from pages of another origin are refused (403, code 2403), unless
    /// their [origin is allowed](Self::allow_origin).
    ///
    /// With stored keys, also choose how to treat [clients' own keys](Self::client_credentials).
    /// Otherwise a client's credential for the host's app, such as a bearer token, goes to the
    /// provider, and [`build`](Self::build) logs a warning.
    pub fn authenticated_elsewhere(self) => self.is_authenticated_elsewhere = true;

    /// Lets pages of this origin, such as `https://app.example`, spend stored keys without a token;
    /// `*` lets all pages. Default: only pages of the gateway's own host.
    pub fn allow_origin(self, origin: impl AsRef<str>) => {
        let is_one = self.origins.allow(origin.as_ref());
        let form = "`*`, or a scheme and a host, such as `https://app.example`";
        self.require(is_one, "an allowed origin", form);
    };

    /// Expects missing keys from a layer below the gateway, such as `KeyLayer` (feature `control`):
    /// a request without a key goes on, whatever alias it names.
    pub fn keys_from_layer(self) => self.settings.takes_keys_from_layer = true;

    /// Refuses requests without a key for their provider, neither the client's nor a stored one
    /// (401). Default: they go on, and the provider answers.
    pub fn require_credentials(self) => self.settings.requires_credentials = true;

    /// How to treat a provider key that a client sends. The app's own credentials, such as a
    /// session's bearer token, look like one. Default: [`ClientCredentials::Pass`].
    pub fn client_credentials(self, choice: ClientCredentials) =>
        self.settings.client_credentials = Some(choice);

    /// The same for one provider, by slug or alias; it overrides the gateway's.
    pub fn client_credentials_for(self, provider: impl Into<String>, choice: ClientCredentials) => {
        // In front: the last call counts.
        let of_one = (provider.into().into(), choice);
        self.settings.provider_client_credentials.insert(0, of_one);
    };

    /// [`ClientCredentials::Refuse`]: requests that bring a key for their provider are refused (403).
    pub fn refuse_client_credentials(self) =>
        self = self.client_credentials(ClientCredentials::Refuse);
}}

impl GatewaySettingsBuilder {
    /// Stores a provider key for clients that bring none. `provider` is a slug or an alias.
    pub fn key(self, provider: impl Into<String>, key: Secret) -> Self {
        self.add_key(provider.into(), DEFAULT_ALIAS.to_owned(), key, 0)
    }

    /// Stores a key that clients choose by `cf-aig-byok-alias`.
    pub fn key_as(
        self,
        provider: impl Into<String>,
        alias: impl Into<String>,
        key: Secret,
    ) -> Self {
        self.add_key(provider.into(), alias.into(), key, 0)
    }

    /// Stores one of several keys of the same alias, which share the load by weight, at least 1
    /// each. `ControlLayer` chooses among them; without it, the first is used.
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
