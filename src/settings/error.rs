//! Mistakes in the settings of a gateway.

use std::error::Error;
use std::fmt;

use super::route::RouteError;

/// A mistake in the settings of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// There are stored keys, and nobody has to show who they are to use them.
    KeysWithoutTokens,
    /// A token is empty, so that everybody has it.
    EmptyToken,
    /// A token has fewer than 8 bytes, so that it can be guessed.
    ShortToken,
    /// Two stored keys of a provider have the same alias, and one of them has no weight.
    DuplicateKey {
        /// The provider.
        provider: String,
        /// The alias.
        alias: String,
    },
    /// An alias of a key is not 1 to 64 of `A-Z a-z 0-9 - _ .`.
    Alias {
        /// The alias.
        alias: String,
    },
    /// A provider is named that the gateway does not have.
    UnknownProvider {
        /// The name.
        provider: String,
    },
    /// A pattern of model names is empty or too long.
    Pattern,
    /// A fallback has no steps.
    FallbackWithoutSteps,
    /// A dynamic route cannot be added.
    Route(RouteError),
    /// A value is outside its range.
    OutOfRange {
        /// What it is for.
        what: &'static str,
        /// What it must be.
        must_be: &'static str,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeysWithoutTokens => f.write_str(
                "a gateway with stored keys needs a token, or anybody could spend them: add one, \
                 or say that something else authenticates its clients",
            ),
            Self::EmptyToken => f.write_str("a token is empty, so that everybody has it"),
            Self::ShortToken => f.write_str(
                "a token has fewer than 8 bytes, so that it can be guessed: draw some 32 at random",
            ),
            Self::DuplicateKey { provider, alias } => write!(
                f,
                "`{provider}` has two keys named `{alias}`: give each a weight, or another alias"
            ),
            Self::Alias { alias } => {
                write!(f, "`{alias}` cannot name a key: 1 to 64 of A-Z a-z 0-9 - _ . are allowed")
            }
            Self::UnknownProvider { provider } => write!(f, "`{provider}` is no provider here"),
            Self::Pattern => f.write_str("a pattern of model names must have 1 to 256 bytes"),
            Self::FallbackWithoutSteps => {
                f.write_str("a fallback needs at least one model or provider to fall back to")
            }
            Self::Route(error) => error.fmt(f),
            Self::OutOfRange { what, must_be } => write!(f, "{what} must be {must_be}"),
        }
    }
}

impl Error for SettingsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Route(error) => error.source(),
            _ => None,
        }
    }
}
