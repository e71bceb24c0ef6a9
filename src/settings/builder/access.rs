//! Who may use a gateway, and with whose key for the provider.

use super::GatewaySettingsBuilder;
use crate::credentials::secret::Secret;
use crate::settings::keys::{DEFAULT_ALIAS, StoredKey};
use crate::settings::{ClientCredentials, GatewayToken, SettingsError};
use crate::util::macros::setters;
use crate::util::text::is_id;

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
