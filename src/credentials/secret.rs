//! Stored keys.

use std::fmt;
use std::path::Path;

use http::HeaderValue;

use crate::util::text::is_visible;

/// A key, ready for a header. Nothing prints it: neither `Debug` nor a serializer, and there is no
/// `Display`. As a header it is marked sensitive.
///
/// ```
/// use tower_ai_gateway::settings::Secret;
///
/// let key = Secret::new("example-key")?;
/// assert_eq!(format!("{key:?}"), "Secret(..)");
/// # Ok::<(), tower_ai_gateway::settings::SecretError>(())
/// ```
#[derive(Clone)]
pub struct Secret {
    plain: HeaderValue,
    bearer: HeaderValue,
}

impl Secret {
    /// Creates a secret from 1 to 4096 visible ASCII characters. Surrounding white space is
    /// removed.
    ///
    /// # Errors
    ///
    /// If the key is empty, too long, or has other characters.
    pub fn new(key: impl AsRef<str>) -> Result<Self, SecretError> {
        let key = key.as_ref().trim();
        let is_key = is_visible(key.as_bytes(), 4096);
        let value = |text: &str| HeaderValue::from_str(text).ok().filter(|_| is_key);
        let (Some(mut plain), Some(mut bearer)) = (value(key), value(&format!("Bearer {key}")))
        else {
            return Err(SecretError::Malformed { place: "the text".into() });
        };
        plain.set_sensitive(true);
        bearer.set_sensitive(true);
        Ok(Self { plain, bearer })
    }

    /// Reads the key from an environment variable.
    ///
    /// # Errors
    ///
    /// If the variable does not exist or does not hold a key.
    pub fn from_env(name: &str) -> Result<Self, SecretError> {
        let place = || format!("the environment variable {name}").into();
        let text = std::env::var(name);
        let text = text.map_err(|_| SecretError::Missing { place: place() })?;
        Self::new(text).map_err(|_| SecretError::Malformed { place: place() })
    }

    /// Reads the key from a regular file, which holds nothing else.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or does not hold a key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SecretError> {
        let path = path.as_ref();
        let place = || format!("the file {}", path.display()).into();
        let text = crate::util::file::read(path);
        let text = text.map_err(|_| SecretError::Missing { place: place() })?;
        Self::new(text).map_err(|_| SecretError::Malformed { place: place() })
    }

    /// The key alone, as for `x-api-key`.
    pub(crate) fn plain(&self) -> &HeaderValue {
        &self.plain
    }

    /// `Bearer` and the key, as for `authorization`.
    pub(crate) fn bearer(&self) -> &HeaderValue {
        &self.bearer
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.plain.as_bytes().ct_eq(other.plain.as_bytes()).into()
    }
}

impl Eq for Secret {}

/// A key could not be loaded. Names the source, but never shows its content.
///
/// ```
/// use tower_ai_gateway::settings::{Secret, SecretError};
///
/// let missing = Secret::from_env("NO_SUCH_VARIABLE").unwrap_err();
/// assert!(matches!(missing, SecretError::Missing { .. }));
/// assert!(matches!(Secret::new("two words"), Err(SecretError::Malformed { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The source does not exist or cannot be read.
    #[error("{place} does not exist or cannot be read")]
    Missing {
        /// The variable or file.
        place: Box<str>,
    },
    /// The source does not hold a key of 1 to 4096 visible ASCII characters.
    #[error("{place} holds no key: 1 to 4096 visible ASCII characters")]
    Malformed {
        /// The variable or file.
        place: Box<str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let secret = Secret::new(" sk-LEAK-1\n").unwrap();
        assert_eq!(secret.bearer().as_bytes(), b"Bearer sk-LEAK-1");
        assert_eq!(secret.plain().as_bytes(), b"sk-LEAK-1");
        let shown = format!("{secret:?} {:?} {:?}", secret.bearer(), secret.plain());
        assert!(!shown.contains("LEAK"), "{shown}");
        let error = Secret::new("sk-LEAK 2").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("LEAK"));
    }

    #[test]
    fn keys_come_from_files_and_variables_and_errors_name_the_source() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sk-LEAK-3\n").unwrap();
        let secret = Secret::from_file(file.path()).unwrap();
        assert_eq!(secret, Secret::new("sk-LEAK-3").unwrap());
        assert_ne!(secret, Secret::new("sk-LEAK-4").unwrap());
        std::fs::write(file.path(), "two words").unwrap();
        let error = Secret::from_file(file.path()).unwrap_err().to_string();
        assert!(error.contains("the file ") && !error.contains("two"), "{error}");
        let error = Secret::from_env("NO_SUCH_VARIABLE_HERE").unwrap_err().to_string();
        assert!(error.contains("NO_SUCH_VARIABLE_HERE"), "{error}");
    }
}
