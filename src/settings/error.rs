//! Mistakes in the settings of a gateway.

use super::route::RouteError;

/// A mistake in the settings of a gateway.
///
/// ```
/// use tower_ai_gateway::settings::{GatewaySettings, Secret, SettingsError};
///
/// let key = Secret::new("example-key")?;
/// let error = GatewaySettings::builder().key("grok", key).build().unwrap_err();
/// assert_eq!(error, SettingsError::KeysWithoutTokens);
/// # Ok::<(), tower_ai_gateway::settings::SecretError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The gateway has stored keys, but its clients need no authentication.
    #[error(
        "a gateway with stored keys needs a token, or anybody could use them: add one, or \
             say that something else authenticates its clients"
    )]
    KeysWithoutTokens,
    /// A token is empty, so every client has it.
    #[error("a token is empty, so every client has it")]
    EmptyToken,
    /// A token has fewer than 8 bytes and can be guessed.
    #[error("a token has fewer than 8 bytes and can be guessed: use 32 random bytes")]
    ShortToken,
    /// Two stored keys of a provider have the same alias, and one of them has no weight.
    #[error("`{provider}` has two keys named `{alias}`: give each a weight, or another alias")]
    DuplicateKey {
        /// The provider.
        provider: String,
        /// The alias.
        alias: String,
    },
    /// An alias of a key is not 1 to 64 of `A-Z a-z 0-9 - _ .`.
    #[error("`{alias}` cannot name a key: 1 to 64 of A-Z a-z 0-9 - _ . are allowed")]
    Alias {
        /// The alias.
        alias: String,
    },
    /// The settings name a provider that the gateway does not have.
    #[error("there is no provider `{provider}`")]
    UnknownProvider {
        /// The name.
        provider: String,
    },
    /// A pattern of model names is empty or too long.
    #[error("a pattern of model names must have 1 to 256 bytes")]
    Pattern,
    /// A fallback has no steps.
    #[error("a fallback needs at least one model or provider to fall back to")]
    FallbackWithoutSteps,
    /// A limit rule cannot be added.
    #[error("limit `{name}`: {problem}")]
    Limit {
        /// The name of the rule.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A dynamic route cannot be added.
    #[error(transparent)]
    Route(RouteError),
    /// A value is outside its range.
    #[error("{what} must be {must_be}")]
    OutOfRange {
        /// The setting.
        what: &'static str,
        /// What it must be.
        must_be: &'static str,
    },
}
