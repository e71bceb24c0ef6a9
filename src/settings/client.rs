//! How clients' own provider keys are treated.

/// How to treat a provider key that a client sends, in a header or in the query.
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
    /// Send it to the provider. No stored key is used.
    #[default]
    Pass,
    /// Remove it first, then treat the request as one without a key: a stored key is used if there
    /// is one.
    Ignore,
    /// Refuse the request (403, code 2403).
    Refuse,
}
