//! Mistakes in the configuration of a layer.

/// A mistake in the configuration of a layer.
///
/// ```
/// use tower_ai_gateway::{ConfigError, GatewayLayer, Provider};
///
/// let twice = GatewayLayer::builder().provider(Provider::xai()).provider(Provider::xai()).build();
/// assert_eq!(twice.unwrap_err(), ConfigError::DuplicateSlug { slug: "grok".to_owned() });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No provider was added.
    #[error("the gateway has no provider: add one, such as `Provider::xai()`")]
    NoProvider,
    /// A slug or alias is malformed or reserved.
    #[error(
        "`{slug}` cannot name a provider: 1 to 64 of a-z 0-9 - _ . are allowed, `compat` and \
             `dynamic` are reserved"
    )]
    Slug {
        /// The slug or alias.
        slug: String,
    },
    /// Two providers share a slug or an alias.
    #[error("`{slug}` names two providers")]
    DuplicateSlug {
        /// The slug or alias.
        slug: String,
    },
    /// A base URL cannot be used.
    #[error("the base URL of `{slug}` is invalid: {reason}")]
    BaseUrl {
        /// The provider's slug.
        slug: String,
        /// What is wrong with the URL.
        reason: &'static str,
    },
    /// The header for a provider's stored keys is malformed or never sent to a provider.
    #[error("the header for the keys of `{slug}` cannot be sent to a provider")]
    KeyHeader {
        /// The provider's slug.
        slug: String,
    },
    /// A fixed query parameter has no name or is named like a key. Keys are stored in settings.
    #[error(
        "the query parameter `{name}` of `{slug}` cannot be fixed: it needs a name, and keys \
             are stored in settings"
    )]
    Query {
        /// The provider's slug.
        slug: String,
        /// The name of the parameter.
        name: String,
    },
    /// A fixed header is malformed, never sent to a provider, belongs to the message, or is for
    /// keys, which are stored in settings.
    #[error(
        "the header `{name}` of `{slug}` cannot be fixed: it is malformed, never reaches a \
             provider, or is one for keys, which are stored in settings"
    )]
    Header {
        /// The provider's slug.
        slug: String,
        /// The name of the header.
        name: String,
    },
    /// A model alias is empty, too long, or given twice.
    #[error(
        "the model alias `{alias}` of `{slug}` cannot be used: names are 1 to 1024 bytes \
             long, and an alias stands for one model"
    )]
    ModelAlias {
        /// The provider's slug.
        slug: String,
        /// The alias.
        alias: String,
    },
    /// The default provider is not one of the added ones.
    #[error("the default provider `{name}` is not one of the added ones")]
    DefaultProvider {
        /// The name of the default provider.
        name: String,
    },
    /// A settings layer was requested, but the gateway does not take its settings from a layer
    /// above.
    #[error(
        "the gateway does not take its settings from a layer above: build it with `settings_from_extensions`"
    )]
    SettingsNotFromExtensions,
    /// The prefix of a mount is malformed.
    #[error(
        "`{prefix}` cannot be a mount: it must start with `/` and have no query, escape or dot segment"
    )]
    Mount {
        /// The prefix.
        prefix: String,
    },
    /// The name for `via` is not a token (RFC 9110 §5.6.2).
    #[error("`{name}` cannot be used in `via`: letters, digits and - . _ are allowed")]
    Via {
        /// The name.
        name: String,
    },
    /// A mount was added twice.
    #[error("`{prefix}` is mounted twice")]
    DuplicateMount {
        /// The prefix.
        prefix: String,
    },
}
