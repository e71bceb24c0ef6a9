//! What separates the counts of a rule.

use std::fmt;
use std::sync::Arc;

use http::Extensions;

/// A host's function that maps a request to a key.
type HostKey = Arc<dyn Fn(&Extensions) -> Option<String> + Send + Sync>;

/// What separates the counts of a rule: requests with the same value count together. Different
/// gateways and rules never share counts. A missing value counts like an empty one.
///
/// ```
/// use tower_ai_gateway::settings::limits::{CountBy, LimitRule, Period, Window};
///
/// // Separate counts for each team and model.
/// let rule = LimitRule::tokens("team-model", 1_000_000, Window::Fixed(Period::Day))
///     .by(CountBy::label("team"))
///     .by(CountBy::Model);
/// # let _ = rule;
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum CountBy {
    /// The gateway token.
    Token,
    /// The subject of the [`Identity`](crate::Identity).
    Subject,
    /// The value of this label of the [`Identity`](crate::Identity).
    Label(Box<str>),
    /// The provider key, the client's own or a stored one. Stored keys that share the load count as
    /// one. Keys that a layer below adds are not seen.
    Credential,
    /// The provider.
    Provider,
    /// The provider and model, as the request names the model, in lower case. All requests whose
    /// model cannot be read count as one.
    Model,
    /// The value of this metadata entry. The client chooses it, unless the host
    /// [sets](crate::settings::GatewaySettingsBuilder::metadata) it. `1` and `"1"` are equal.
    Metadata(Box<str>),
    /// The text that the host's function returns. If the function panics, the request is refused.
    Host(HostKey),
}

impl CountBy {
    /// Counts by the value of this label.
    #[must_use]
    pub fn label(name: impl Into<String>) -> Self {
        Self::Label(name.into().into())
    }

    /// Counts by the value of this metadata entry.
    #[must_use]
    pub fn metadata(key: impl Into<String>) -> Self {
        Self::Metadata(key.into().into())
    }

    /// Counts by what this function returns for the request's extensions. It must not block.
    #[must_use]
    pub fn host(name: impl Fn(&Extensions) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::Host(Arc::new(name))
    }
}

impl fmt::Debug for CountBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("Token"),
            Self::Subject => f.write_str("Subject"),
            Self::Label(name) => f.debug_tuple("Label").field(name).finish(),
            Self::Credential => f.write_str("Credential"),
            Self::Provider => f.write_str("Provider"),
            Self::Model => f.write_str("Model"),
            Self::Metadata(name) => f.debug_tuple("Metadata").field(name).finish(),
            Self::Host(_) => f.write_str("Host"),
        }
    }
}
