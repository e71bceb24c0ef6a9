//! What becomes of keys that clients bring themselves.

/// What becomes of a key that a client brings for its provider, in a header or in the query.
///
/// ```
/// use tower_ai_gateway::settings::{ClientCredentials, GatewaySettings, Secret};
///
/// let settings = GatewaySettings::builder()
///     .authenticated_elsewhere() // by the host's own middleware
///     .key("grok", Secret::new("example-key")?)
///     .client_credentials(ClientCredentials::Ignore)
///     .build()?;
/// # let _ = settings;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientCredentials {
    /// It goes to the provider, and no stored key is used.
    #[default]
    Pass,
    /// It is taken off before anything is chosen: the request is one without a key, for which a
    /// stored one serves.
    Ignore,
    /// The request is refused (403, code 2403).
    Refuse,
}
